"""What pruning really removed: widths are whole numbers and layers are tied, so that no ratio is met exactly.

MACs are the cost metric's to count: a change of how they are counted must not have networks trained again.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

WHOLE = "network"
Counts = dict[str, dict[str, int]]


def count(model: nn.Module, modules: Sequence[str]) -> Counts:
    """Output channels of convolutions, and parameters, of the whole network and of each of ``modules``."""
    places = {WHOLE: model, **{name: model.get_submodule(name) for name in modules}}
    return {
        name: {
            "channels": sum(layer.out_channels for layer in module.modules() if isinstance(layer, nn.Conv2d)),
            "parameters": sum(parameter.numel() for parameter in module.parameters()),
        }
        for name, module in places.items()
    }


def compare(before: Counts, after: Counts) -> dict[str, dict[str, dict[str, float]]]:
    """By module and unit: the number before, the number after, and the share that was removed, 0..1."""
    return {
        name: {
            unit: {"before": number, "after": after[name][unit], "removed": 1 - after[name][unit] / number}
            for unit, number in units.items()
        }
        for name, units in before.items()
    }
