"""Predicted milliseconds of a network by the widths of its groups of tied layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch_pruning as tp
from torch import nn

from vtoncompress.latency.geometry import Geometry
from vtoncompress.latency.lookup import Lookup
from vtoncompress.latency.shapes import geometries
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.groups import Group


@dataclass(frozen=True)
class Layer:
    """A convolution.

    Attributes:
        geometry: of its input.
        inputs: channels that come from no group, and how many of its channels go with each channel of a group.
        outputs: its group, or the channels that it keeps.
    """

    geometry: Geometry
    fixed_inputs: int
    inputs: dict[int, float]
    group: int | None
    outputs: int


class Costs:
    """Of the convolutions that groups reach; what else the network does is left out.

    Args:
        model: as it is now.
        groups: those that may lose channels.
        graph: whose groups they are.
        lookup: measured.
        channels, sides: how many times as wide the measured network is, in the channels of groups, and how many times
            as long its pictures' sides.

    Raises:
        ValueError: a convolution that the lookup doesn't know.
    """

    def __init__(
        self,
        model: TryOnModel,
        groups: Sequence[Group],
        graph: tp.DependencyGraph,
        lookup: Lookup,
        channels: float = 1,
        sides: int = 1,
    ) -> None:
        self._lookup, self._channels, self._sides = lookup, channels, sides
        self._layers = _layers(model, groups, graph)
        self._of_group = [
            [layer for layer in self._layers if place == layer.group or place in layer.inputs]
            for place in range(len(groups))
        ]

    def whole_ms(self, widths: Sequence[int]) -> float:
        """Of all convolutions, with these channels in each group."""
        return sum(self._milliseconds(layer, widths) for layer in self._layers)

    def saved_ms(self, widths: Sequence[int], place: int, count: int) -> float:
        """What it saves that the group at ``place`` loses ``count`` of its ``widths[place]`` channels."""
        fewer = [*widths]
        fewer[place] -= count
        return sum(
            self._milliseconds(layer, widths) - self._milliseconds(layer, fewer) for layer in self._of_group[place]
        )

    def neighbours(self, place: int) -> set[int]:
        """The groups, itself among them, whose savings depend on the width of the group at ``place``."""
        near = {place}
        for layer in self._of_group[place]:
            near |= layer.inputs.keys() | ({layer.group} if layer.group is not None else set())
        return near

    def _milliseconds(self, layer: Layer, widths: Sequence[int]) -> float:
        inputs = layer.fixed_inputs + self._channels * sum(f * widths[place] for place, f in layer.inputs.items())
        outputs = layer.outputs if layer.group is None else self._channels * widths[layer.group]
        shown = layer.geometry
        measured = replace(shown, height=self._sides * shown.height, width=self._sides * shown.width)
        return self._lookup.milliseconds(measured, inputs, outputs)


def _layers(model: TryOnModel, groups: Sequence[Group], graph: tp.DependencyGraph) -> list[Layer]:
    names = {layer: name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    group_of = {name: place for place, group in enumerate(groups) for name in group.members}
    read: dict[str, dict[int, int]] = {name: {} for name in names.values()}
    for place, group in enumerate(groups):
        for item in group.tied:
            name = names.get(item.dep.target.module)
            if name is not None and graph.is_in_channel_pruning_fn(item.dep.handler):
                read[name][place] = read[name].get(place, 0) + len(item.idxs)
    shapes, found = geometries(model), []
    for layer, name in names.items():
        inputs = {place: count / groups[place].channels for place, count in read[name].items()}
        fixed, own = layer.in_channels - sum(read[name].values()), group_of.get(name)
        assert fixed >= 0, name
        if inputs or own is not None:
            found.append(Layer(shapes[name], fixed, inputs, own, layer.out_channels))
    return found
