"""Distance of a channel's weights from those of all others: near their median it can be replaced."""

from __future__ import annotations

from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor

from vtoncompress.criterion.base import WeightCriterion


class FPGM(WeightCriterion):
    """He et al., "Filter Pruning via Geometric Median", CVPR 2019: the sum of the Euclidean distances between filters.

    Averaged over the tied layers that give the channels, in units of the group's mean. Not torch-pruning's own, which
    takes the distances between squared weights, so that a filter and its negative count as one.
    """

    def importance(self, *_: Any) -> tp.importance.Importance:
        """See :meth:`vtoncompress.criterion.base.Criterion.importance`."""
        return _DistanceFromOthers()


class _DistanceFromOthers(tp.importance.Importance):
    @torch.no_grad()
    def __call__(self, group: tp.Group) -> Tensor:
        channels, layers = len(group[0].idxs), 0
        total = torch.zeros(channels)
        for item in group:
            if item.dep.pruning_fn not in (tp.prune_conv_out_channels, tp.prune_linear_out_channels):
                continue
            filters = item.dep.layer.weight[item.idxs].flatten(1).cpu()
            total.index_add_(0, torch.tensor(item.root_idxs), torch.cdist(filters, filters).sum(1))
            layers += 1
        return total / layers / (total.mean() / layers)
