"""The correlation of the network, and which of its forms computes it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vtoncompress.model.pf_afn.correlation.banded import banded_correlation
from vtoncompress.model.pf_afn.correlation.compiled import compiled_correlation
from vtoncompress.model.pf_afn.correlation.loop import DISPLACEMENT, correlation

FASTEST, LOOP = "fastest", "loop"
FORMS = {LOOP: correlation, "banded": banded_correlation, "compiled": compiled_correlation}
CHOICES = (FASTEST, LOOP, "banded")


def check_choice(choice: str) -> None:
    """ValueError for what is none of :data:`CHOICES`."""
    if choice not in CHOICES:
        raise ValueError(f"model.network.correlation={choice} is unknown: choose one of {', '.join(CHOICES)}")


def form_for(choice: str, graph: bool, device: str = "cpu", dtype: torch.dtype = torch.float32) -> str:
    """The name of the form, of :data:`FORMS`, that a choice means.

    Args:
        choice: one of :data:`CHOICES`; ``fastest`` is ``compiled`` wherever that runs and ``banded`` elsewhere.
        graph: whether the network is being traced into a graph for another runtime.
        device, dtype: of the features.
    """
    if choice != FASTEST:
        return choice
    return "banded" if graph or device != "cpu" or dtype == torch.float64 else "compiled"


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
