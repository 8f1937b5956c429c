"""L2 norm of the weights of a channel, averaged over the layers whose channels are tied."""

from __future__ import annotations

from typing import Any

import torch_pruning as tp

from vtoncompress.criterion.base import WeightCriterion


class MagnitudeL2(WeightCriterion):
    """Fang et al., "DepGraph", CVPR 2023: group reduction by the mean, normalised by the group's mean."""

    def importance(self, *_: Any) -> tp.importance.Importance:
        """See :meth:`vtoncompress.criterion.base.Criterion.importance`."""
        return tp.importance.GroupMagnitudeImportance(p=2, group_reduction="mean", normalizer="mean")
