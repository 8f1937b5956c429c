"""The correlation of the network, and which of its forms computes it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vtoncompress.model.pf_afn.correlation.banded import banded_correlation
from vtoncompress.model.pf_afn.correlation.compiled import compiled_correlation
from vtoncompress.model.pf_afn.correlation.loop import DISPLACEMENT, correlation

FASTEST, LOOP, TRITON = "fastest", "loop", "triton"
FORMS = {
    LOOP: correlation, "banded": banded_correlation, "compiled": compiled_correlation, TRITON: compiled_correlation
}  # fmt: skip
CHOICES = (FASTEST, LOOP, "banded", TRITON)


def check_choice(choice: str) -> None:
    """ValueError for what is none of :data:`CHOICES`."""
    if choice not in CHOICES:
        raise ValueError(f"model.network.correlation={choice} is unknown: choose one of {', '.join(CHOICES)}")


def form_for(choice: str, graph: bool, device: str = "cpu", dtype: torch.dtype = torch.float32) -> str:
    """The name of the form, of :data:`FORMS`, that a choice means.

    Args:
        choice: one of :data:`CHOICES`; ``fastest`` is ``compiled`` on a CPU and ``banded`` elsewhere. ``triton`` is
            that on a GPU, and elsewhere what ``fastest`` is.
        graph: whether the network is being traced into a graph for another runtime.
        device, dtype: of the features.
    """
    if choice not in (FASTEST, TRITON):
        return choice
    if graph or dtype == torch.float64:  # the kernels' sums are float32
        return "banded"
    if device == "cpu":
        return "compiled"
    return TRITON if choice == TRITON and device == "cuda" else "banded"


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
