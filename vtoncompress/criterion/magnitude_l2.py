"""L2 norm of the weights of a channel, averaged over the layers whose channels are tied."""

from __future__ import annotations

import torch_pruning as tp

from vtoncompress.criterion.base import Criterion


class MagnitudeL2(Criterion):
    """Fang et al., "DepGraph", CVPR 2023: group reduction by the mean, normalised by the group's mean."""

    def importance(self) -> tp.importance.Importance:
        return tp.importance.GroupMagnitudeImportance(p=2, group_reduction="mean", normalizer="mean")
