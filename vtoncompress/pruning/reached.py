"""What pruning really removed: widths are whole numbers and layers are tied, so that no ratio is met exactly.

MACs are the cost metric's to count: a change of how they are counted must not have networks trained again.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.ratio import LAYERS, within

WHOLE = "network"
Counts = dict[str, dict[str, int]]


def count(model: TryOnModel, modules: Sequence[str]) -> Counts:
    """Of the whole network and of each of ``modules``, names or patterns of them.

    Output channels of convolutions and linear layers, parameters, and where there are any attention's heads and blocks
    that may be left out.
    """
    heads = {name.rpartition(".")[0]: number for name, number in model.heads().items()}
    blocks = dict.fromkeys(model.blocks(), 1)
    counts = {WHOLE: _count([model], heads=sum(heads.values()), blocks=len(blocks))}
    for name in modules:
        inside = {
            unit: sum(number for one, number in numbers.items() if within(one, name))
            for unit, numbers in (("heads", heads), ("blocks", blocks))
        }
        counts[name] = _count(_outermost(model, name), **inside)
    return counts


def _count(parts: Sequence[nn.Module], **others: int) -> dict[str, int]:
    return {
        "channels": sum(output_channels(part) for part in parts),
        "parameters": sum(parameter.numel() for part in parts for parameter in part.parameters()),
        **{unit: number for unit, number in others.items() if number},
    }


def output_channels(module: nn.Module) -> int:
    """Of all convolutions and linear layers in it."""
    return sum(layer.weight.shape[0] for layer in module.modules() if isinstance(layer, LAYERS))


def _outermost(model: nn.Module, pattern: str) -> list[nn.Module]:
    """The modules that ``pattern`` means, but for those inside of others."""
    names = [name for name, _ in model.named_modules() if name and within(name, pattern)]
    kept = set(names)
    return [model.get_submodule(name) for name in names if name.rpartition(".")[0] not in kept]


def compare(before: Counts, after: Counts) -> dict[str, dict[str, dict[str, float]]]:
    """By module and unit: the number before, the number after, and the share that was removed, 0..1."""
    return {
        name: {
            unit: {
                "before": number,
                "after": after[name].get(unit, 0),
                "removed": 1 - after[name].get(unit, 0) / number,
            }
            for unit, number in units.items()
        }
        for name, units in before.items()
    }
