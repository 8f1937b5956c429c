"""The correlation of the network, and which of its forms computes it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vtoncompress.model.pf_afn.correlation.banded import banded_correlation
from vtoncompress.model.pf_afn.correlation.compiled import compiled_correlation
from vtoncompress.model.pf_afn.correlation.loop import DISPLACEMENT, correlation

FASTEST, LOOP, BANDED, COMPILED, TRITON = "fastest", "loop", "banded", "compiled", "triton"
FORMS = {
    LOOP: correlation, BANDED: banded_correlation, COMPILED: compiled_correlation, TRITON: compiled_correlation
}  # fmt: skip
CHOICES = (FASTEST, *FORMS)
KERNELS = {COMPILED: "cpu", TRITON: "cuda"}
"""What a kernel runs on."""


def check_choice(choice: str) -> None:
    """ValueError for what is none of :data:`CHOICES`."""
    if choice not in CHOICES:
        raise ValueError(f"model.network.correlation={choice} is unknown: choose one of {', '.join(CHOICES)}")


def form_for(choice: str, graph: bool, device: str = "cpu", dtype: torch.dtype = torch.float32) -> str:
    """The name of the form, of :data:`FORMS`, that a choice means.

    Args:
        choice: one of :data:`CHOICES`; ``fastest`` is ``compiled`` on a CPU and ``banded`` elsewhere.
        graph: whether the network is being traced into a graph for another runtime, which takes no kernels.
        device, dtype: of the features.

    Raises:
        ValueError: a kernel was asked for that does not run on such features.
    """
    if graph:
        return BANDED if choice != LOOP else LOOP
    if choice == FASTEST:  # the kernels' sums are float32
        return COMPILED if device == KERNELS[COMPILED] and dtype != torch.float64 else BANDED
    if choice in KERNELS and (device != KERNELS[choice] or dtype == torch.float64):
        raise ValueError(
            f"model.network.correlation={choice} runs on {KERNELS[choice]}, in at most 32 bits, and not on {device} in "
            f"{str(dtype).removeprefix('torch.')}: use {FASTEST}"
        )
    return choice


class Correlation(nn.Module):
    """:func:`correlation` over a divisor, as a module, so that its cost is counted by name.

    The divisor is a constant, not the channel count met at run time: a pruned network must weigh the channels that
    are left as the dense one did.

    Attributes:
        choice: one of :data:`CHOICES`, may be changed at any time.
    """

    def __init__(self, divisor: int, displacement: int = DISPLACEMENT, choice: str = FASTEST) -> None:
        super().__init__()
        check_choice(choice)
        self.divisor = divisor
        self.displacement = displacement
        self.choice = choice

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        first = first.to(second.dtype)  # autocast leaves the two in different precisions; the products want one
        graph = torch.jit.is_tracing() or torch.compiler.is_exporting()
        form = form_for(self.choice, graph, second.device.type, second.dtype)
        return FORMS[form](first, second, self.displacement) / self.divisor
