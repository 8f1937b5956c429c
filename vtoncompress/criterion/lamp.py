"""Squared weights of a channel as a share of those of all channels that are not less."""

from __future__ import annotations

from typing import Any

import torch_pruning as tp

from vtoncompress.criterion.base import WeightCriterion


class Lamp(WeightCriterion):
    """Lee et al., "Layer-adaptive Sparsity for the Magnitude-based Pruning", ICLR 2021, on channels.

    Within a group the order is that of ``magnitude_l2``; what differs is how groups compare, so that it tells with
    ``pruning.ranking=global`` only.
    """

    def importance(self, *_: Any) -> tp.importance.Importance:
        """See :meth:`vtoncompress.criterion.base.Criterion.importance`."""
        return tp.importance.LAMPImportance(p=2, group_reduction="mean")
