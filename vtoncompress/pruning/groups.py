"""Which layers lose their channels together, because what they give is added or compared."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch_pruning as tp
from torch import nn

from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.division import HALVES, HEADS, NORM_GROUPS, UNDIVIDED, Division
from vtoncompress.pruning.norms import PRUNERS
from vtoncompress.pruning.ratio import LAYERS, within


@dataclass(frozen=True)
class Group:
    """Layers whose output channels are tied.

    Attributes:
        members: names of the convolutions and linear layers, in the network's order.
        channels: output channels of each.
        division: which of them go together.
        tied: torch-pruning's group of all channels: the members and whatever takes in what they give.
    """

    members: tuple[str, ...]
    channels: int
    division: Division = UNDIVIDED
    tied: tp.Group = field(default=(), compare=False, repr=False)

    @property
    def name(self) -> str:
        """Its first layer's."""
        return self.members[0]

    @property
    def units(self) -> int:
        """What may go one by one."""
        return self.division.units(self.channels)


def trace(model: TryOnModel) -> tp.DependencyGraph:
    """torch-pruning's graph of which channels are tied, from :meth:`TryOnModel.dependency_outputs`."""
    training = model.training
    with next(model.parameters()).device:
        inputs = tuple(model.example_inputs())
    graph = tp.DependencyGraph().build_dependency(
        model,
        example_inputs=inputs,
        customized_pruners=PRUNERS,
        forward_fn=lambda network, inputs: network.dependency_outputs(*inputs),
    )
    model.train(training)
    return graph


def find_groups(
    model: TryOnModel, scope: Sequence[str], graph: tp.DependencyGraph | None = None, attention: str = HEADS
) -> list[Group]:
    """The groups that pruning ``scope`` may take channels from, in the network's order.

    A group with an output layer keeps its channels, and so does one with a member outside the scope, or one whose
    channels can't be divided as its layers need it.

    Args:
        model: any widths; left as it is.
        scope: names of submodules, or of single layers, or patterns of them.
        graph: from :func:`trace` of the model as it is; made if not given.
        attention: what it may lose, see :mod:`vtoncompress.pruning.division`.
    """
    graph = graph or trace(model)
    fixed, heads, halves = set(model.output_layers()), model.heads(), set(model.halves())
    names = {layer: name for name, layer in model.named_modules() if isinstance(layer, LAYERS)}
    place = {name: number for number, name in enumerate(names.values())}
    groups = []
    for tied in graph.get_all_groups(root_module_types=LAYERS):
        layers = {
            item.dep.target.module
            for item in tied
            if item.dep.target.module in names and graph.is_out_channel_pruning_fn(item.dep.handler)
        }
        members = tuple(sorted((names[layer] for layer in layers), key=place.__getitem__))
        if not all(name not in fixed and any(within(name, part) for part in scope) for name in members):
            continue
        group = Group(members, len(tied[0].idxs), _division(tied, members, heads, halves, attention), tied)
        if members and group.channels % group.division.sections == 0:
            groups.append(group)
    return sorted(groups, key=lambda group: place[group.name])


def _division(
    tied: tp.Group, members: Sequence[str], heads: Mapping[str, int], halves: Collection[str], attention: str
) -> Division:
    if members and members[0] in heads:
        return Division(attention, heads[members[0]])
    if any(name in halves for name in members):
        return Division(HALVES, 2)
    norms = [item.dep.target.module.num_groups for item in tied if isinstance(item.dep.target.module, nn.GroupNorm)]
    return Division(NORM_GROUPS, math.lcm(*norms)) if norms else UNDIVIDED
