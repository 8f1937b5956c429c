"""L1 norm of the weights of a channel, averaged over the layers whose channels are tied."""

from __future__ import annotations

from typing import Any

import torch_pruning as tp

from vtoncompress.criterion.base import WeightCriterion


class MagnitudeL1(WeightCriterion):
    """Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017, by the mean over tied layers, in units of the
    group's."""

    def importance(self, *_: Any) -> tp.importance.Importance:
        """See :meth:`vtoncompress.criterion.base.Criterion.importance`."""
        return tp.importance.GroupMagnitudeImportance(p=1, group_reduction="mean", normalizer="mean")
