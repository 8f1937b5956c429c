"""Learned perceptual image patch similarity (Zhang et al., 2018)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from vtoncompress.data.base import Image
from vtoncompress.fingerprint import file_hash
from vtoncompress.metric.base import Batch, Measurement, PictureMetric
from vtoncompress.metric.lpips_network import BACKBONES, build_network, find_weights
from vtoncompress.metric.ssim import NO_TRUTH
from vtoncompress.metric.tally import Tally

PIXELS = 2**20
"""Looked at together: the first layers have 64 numbers for each, some of them several times."""


class Lpips(PictureMetric):
    """Mean LPIPS against the truth, 0 or more, version 0.1 with its linear heads, at the pictures' own size.

    Args:
        network: ``alex``, ``vgg`` or ``squeeze``; their numbers can't be compared.
        weights: path of torchvision's file; None for torch hub's cache.
        download: whether to fetch what is in neither.

    Raises:
        ValueError: see :func:`vtoncompress.metric.lpips_network.find_weights`.
    """

    columns = ("lpips",)

    def __init__(self, network: str = "alex", weights: str | None = None, download: bool = False) -> None:
        self.network, self._file = network, find_weights(network, weights, download)
        self._tally = Tally("lpips")

    def update(self, batch: Batch) -> None:
        if self._file is None:
            name = BACKBONES[self.network].file_name
            self._tally.refuse(f"{name} not given: set metric.lpips.weights, or download=true", len(batch.pairs))
            return
        shown = [
            (prediction.image, pair.truth)
            for pair, prediction in zip(batch.pairs, batch.predictions, strict=True)
            if pair.truth is not None
        ]
        if unknown := len(batch.pairs) - len(shown):
            self._tally.refuse(NO_TRUTH, unknown)
        sizes = {image.shape[:2] for image, _ in shown}
        together = max(1, PIXELS // math.prod(next(iter(sizes)))) if len(sizes) == 1 else 1
        for start in range(0, len(shown), together):
            self._tally.add(self._distances(shown[start : start + together]))

    def compute(self) -> Measurement:
        found = self._tally.compute()
        if found.values and self._file is not None:
            found.protocol = {
                "lpips_network": f"{self.network} (torchmetrics)",
                "lpips_weights": file_hash(self._file)[:16],
            }
        return found

    def _distances(self, shown: Sequence[tuple[Image, Image]]) -> list[float]:
        first, second = (_to_input(pictures) for pictures in zip(*shown, strict=True))
        with torch.inference_mode():
            distances: Tensor = self._network(first, second)
        return [float(value) for value in distances.flatten()]

    @cached_property
    def _network(self) -> nn.Module:
        assert self._file is not None, "without weights there is nothing to look through"
        return build_network(self.network, self._file)


def _to_input(pictures: Sequence[Image]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
