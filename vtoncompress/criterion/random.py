"""Chance: what any other criterion has to beat."""

from __future__ import annotations

from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn

from vtoncompress.criterion.base import WeightCriterion
from vtoncompress.pruning.reached import output_channels


class Random(WeightCriterion):
    """Uniform random numbers, the same for the same seed of the variant.

    Not from PyTorch's global generator, whose state depends on the training before: a run that was killed must go on to
    the same network. Every width of the network has numbers of its own, or a later step would use an earlier one's.
    """

    def importance(self, model: nn.Module, *_: Any) -> tp.importance.Importance:
        """See :meth:`vtoncompress.criterion.base.Criterion.importance`."""
        return _Chance(hash((torch.initial_seed(), output_channels(model))))


class _Chance(tp.importance.Importance):
    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, group: tp.Group) -> Tensor:
        return torch.rand(len(group[0].idxs), generator=self.generator)
