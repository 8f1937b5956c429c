"""Layer norms that lose channels, with what is left of them in its order.

torch-pruning 1.6 lists the channels of a layer norm that stay in the order of a set. Where a few of many stay that is
not theirs, and each would be scaled by another's factor.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch_pruning as tp
from torch import nn


class LayerNormPruner(tp.pruner.function.LayernormPruner):
    """torch-pruning's, with that mended."""

    def prune_out_channels(self, layer: nn.LayerNorm, idxs: Sequence[int]) -> nn.LayerNorm:
        gone = set(idxs)
        kept = [channel for channel in range(layer.normalized_shape[-1]) if channel not in gone]
        for name, parameter in [*layer.named_parameters(recurse=False)]:
            setattr(layer, name, self._prune_parameter_and_grad(parameter, kept, -1))
        layer.normalized_shape = (len(kept),)
        return layer

    prune_in_channels = prune_out_channels


PRUNERS = {nn.LayerNorm: LayerNormPruner()}
