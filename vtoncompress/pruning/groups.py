"""Which layers lose their channels together, because what they give is added or compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
        tied: torch-pruning's group of all channels: the members and whatever takes in what they give.
    """

    members: tuple[str, ...]
    channels: int
    tied: tp.Group = field(default=(), compare=False, repr=False)

    @property
    def name(self) -> str:
        """Its first convolution's."""
        return self.members[0]


def trace(model: TryOnModel) -> tp.DependencyGraph:
    """torch-pruning's graph of which channels are tied, from :meth:`TryOnModel.dependency_outputs`."""
    training = model.training
    with next(model.parameters()).device:
        inputs = tuple(model.example_inputs())
    graph = tp.DependencyGraph().build_dependency(
        model,
        example_inputs=inputs,
        forward_fn=lambda network, inputs: network.dependency_outputs(*inputs),
    )
    model.train(training)
    return graph


def find_groups(model: TryOnModel, scope: Sequence[str], graph: tp.DependencyGraph | None = None) -> list[Group]:
    """The groups that pruning ``scope`` may take channels from, in the network's order.

    A group with an output layer keeps its channels, and so does one with a member outside the scope.

    Args:
        model: any widths; left as it is.
        scope: names of submodules, or of single layers.
        graph: from :func:`trace`; made if not given. It stays right when channels go, groups don't.
    """
    graph = graph or trace(model)
    fixed = set(model.output_layers())
    names = {layer: name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    place = {name: number for number, name in enumerate(names.values())}
    groups = []
    for tied in graph.get_all_groups():
        layers = {
            item.dep.target.module
            for item in tied
            if item.dep.target.module in names and graph.is_out_channel_pruning_fn(item.dep.handler)
        }
        members = tuple(sorted((names[layer] for layer in layers), key=place.__getitem__))
        if members and all(name not in fixed and any(within(name, part) for part in scope) for name in members):
            groups.append(Group(members, len(tied[0].idxs), tied))
    return sorted(groups, key=lambda group: place[group.name])
