"""Groups of tied channels: layers whose outputs are added or compared can only lose the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch_pruning as tp
from torch import nn

from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.ratio import within


@dataclass(frozen=True)
class ChannelGroup:
    """Convolutions whose output channels are tied.

    Attributes:
        layers: their names, in the order of the network; the first one names the group.
        tied: torch-pruning's group of all channels: these layers and whatever takes in what they give.
    """

    layers: tuple[str, ...]
    tied: tp.Group

    @property
    def name(self) -> str:
        return self.layers[0]

    @property
    def root(self) -> nn.Module:
        return self.tied[0].dep.target.module

    @property
    def channels(self) -> int:
        return len(self.tied[0].idxs)


def trace(model: TryOnModel) -> tp.DependencyGraph:
    """torch-pruning's graph of which channels are tied, from :meth:`TryOnModel.dependency_outputs`."""
    return tp.DependencyGraph().build_dependency(
        model,
        example_inputs=tuple(model.example_inputs()),
        forward_fn=lambda _, inputs: model.dependency_outputs(*inputs),
    )


def find_groups(model: TryOnModel, graph: tp.DependencyGraph, scope: Sequence[str]) -> list[ChannelGroup]:
    """The groups all of whose layers lie in the submodules ``scope``, without those that hold an output layer.

    They are those of the network's present widths: after channels went, ask again.
    """
    fixed = set(model.output_layers())
    names = {layer: name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    place = {name: number for number, name in enumerate(names.values())}
    groups = []
    for tied in graph.get_all_groups(root_module_types=[nn.Conv2d]):
        layers = {
            names[item.dep.target.module]
            for item in tied
            if item.dep.target.module in names and graph.is_out_channel_pruning_fn(item.dep.handler)
        }
        if not layers & fixed and all(any(within(name, part) for part in scope) for name in layers):
            groups.append(ChannelGroup(tuple(sorted(layers, key=place.__getitem__)), tied))
    return groups
