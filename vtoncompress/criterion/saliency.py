"""From what each weight is worth to what a channel is."""

from __future__ import annotations

from collections.abc import Mapping

import torch_pruning as tp
from torch import Tensor, nn


class Saliency(tp.importance.Importance):
    """Sums of scores of single weights over a channel, averaged over tied layers, in units of the group's mean.

    torch-pruning's own classes for gradients leave out batch norms (Taylor) and all samples but the last (Hessian): its
    group magnitude is right, and here the scores take the weights' place in it.

    Args:
        scores: of every parameter, at least 0, with its shape.
    """

    def __init__(self, scores: Mapping[nn.Parameter, Tensor]) -> None:
        self.scores = scores
        self.magnitude = tp.importance.GroupMagnitudeImportance(p=1, group_reduction="mean", normalizer="mean")

    def __call__(self, group: tp.Group) -> Tensor:
        weights = {
            parameter: parameter.data
            for item in group
            for parameter in item.dep.layer.parameters(recurse=False)
            if parameter in self.scores
        }
        try:
            for parameter in weights:
                parameter.data = self.scores[parameter]
            return self.magnitude(group)
        finally:
            for parameter, weight in weights.items():
                parameter.data = weight
