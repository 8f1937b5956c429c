"""Size of the batch norms' factors of a channel."""

from __future__ import annotations

from typing import Any

import torch_pruning as tp
from torch import Tensor

from vtoncompress.criterion.base import WeightCriterion


class BatchNormScale(WeightCriterion):
    """Liu et al., "Learning Efficient Convolutional Networks through Network Slimming", ICCV 2017, over groups.

    A group without a batch norm, as PF-AFN's pyramids and flow heads are, is ranked by ``magnitude_l2``. Both are in
    units of the group's mean.
    """

    def importance(self, *_: Any) -> tp.importance.Importance:
        """See :meth:`vtoncompress.criterion.base.Criterion.importance`."""
        return _ScaleOrMagnitude()


class _ScaleOrMagnitude(tp.importance.Importance):
    def __init__(self) -> None:
        self.scale = tp.importance.BNScaleImportance(group_reduction="mean", normalizer="mean")
        self.magnitude = tp.importance.GroupMagnitudeImportance(p=2, group_reduction="mean", normalizer="mean")

    def __call__(self, group: tp.Group) -> Tensor:
        scale = self.scale(group)
        return self.magnitude(group) if scale is None else scale
