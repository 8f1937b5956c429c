"""Which layers lose their channels together, because what they give is added or compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch_pruning as tp
from torch import nn

from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.ratio import within


@dataclass(frozen=True)
class Group:
    """Layers whose output channels are tied.

    Attributes:
        members: names of the convolutions, in the network's order.
        channels: output channels of each.
    """

    members: tuple[str, ...]
    channels: int

    @property
    def name(self) -> str:
        """Its first convolution's."""
        return self.members[0]


def find_groups(model: TryOnModel, scope: Sequence[str]) -> list[Group]:
    """The groups that pruning ``scope`` may take channels from, in the network's order.

    A group with an output layer keeps its channels, and so does one with a member outside the scope.

    Args:
        model: any widths; left as it is.
        scope: names of submodules, or of single layers.
    """
    convolutions = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    names, place = {layer: name for name, layer in convolutions.items()}, [*convolutions]
    fixed = set(model.output_layers())
    training = model.training
    graph = tp.DependencyGraph().build_dependency(
        model,
        example_inputs=tuple(model.example_inputs()),
        forward_fn=lambda network, inputs: network.dependency_outputs(*inputs),
    )
    model.train(training)
    groups = []
    for tied in graph.get_all_groups():
        layers = {
            dependency.target.module
            for dependency, _ in tied
            if dependency.target.module in names and graph.is_out_channel_pruning_fn(dependency.handler)
        }
        members = tuple(sorted((names[layer] for layer in layers), key=place.index))
        if members and all(name not in fixed and any(within(name, part) for part in scope) for name in members):
            groups.append(Group(members, convolutions[members[0]].out_channels))
    return sorted(groups, key=lambda group: place.index(group.name))
