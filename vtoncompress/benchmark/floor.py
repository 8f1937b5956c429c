"""How fast a correlation could be on this machine at best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from vtoncompress.benchmark.candidates import Level

SIDE = 1024
"""Of the square matrices."""
MEGABYTES = 128
"""Of the copy, several times any cache's size."""


@dataclass(frozen=True)
class Rates:
    """What the machine gave in this run.

    Attributes:
        product_gflops_per_s: of a large float32 matrix product in torch, whose library may not know the processor.
        convolution_gflops_per_s: of a large float32 convolution in OpenVINO.
        gigabytes_per_s: of a large copy.
    """

    product_gflops_per_s: float
    convolution_gflops_per_s: float
    gigabytes_per_s: float

    def floor_ms(self, level: Level, gflops_per_s: float) -> float:
        """No less: the level's products at one of the rates of products, or its bytes at the rate of a copy."""
        return max(2e-6 * level.macs / gflops_per_s, level.megabytes / self.gigabytes_per_s)


def rate_calls() -> tuple[Callable[[], object], Callable[[], object]]:
    """A product and a copy to be timed, in torch's threads."""
    one, other, product = (torch.ones(SIDE, SIDE) for _ in range(3))
    source, target = (torch.ones(MEGABYTES * 250_000) for _ in range(2))
    return lambda: torch.mm(one, other, out=product), lambda: target.copy_(source)


def rates(product_ms: float, copy_ms: float, convolution_gmacs_per_s: float) -> Rates:
    """From the times of :func:`rate_calls`, where a copy reads and writes, and from what a convolution reaches."""
    return Rates(2e-6 * SIDE**3 / product_ms, 2 * convolution_gmacs_per_s, 2 * MEGABYTES / copy_ms)
