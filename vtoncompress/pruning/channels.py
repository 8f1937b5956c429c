"""Channels removed in steps, from groups of tied layers that torch-pruning's dependency graph finds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch
import torch_pruning as tp
from torch import Tensor

from vtoncompress.criterion.base import Criterion
from vtoncompress.data.base import TryOnData
from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.pruning.budget import Budget, Entry
from vtoncompress.pruning.division import ATTENTION, CHANNELS, HEAD_WIDTHS, HEADS, NORM_GROUPS, UNDIVIDED
from vtoncompress.pruning.groups import Group, find_groups, trace

Recover = Callable[[int], None]


def check_channels(model: TryOnModel, scope: Sequence[str], budget: Budget, attention: str = HEADS) -> None:
    """Refuse what would remove nothing, and what :meth:`vtoncompress.pruning.ratio.Ratios.check` refuses.

    Args:
        model: its tied layers are looked for only on the meta device, where that is quick; pruning checks others.
        scope, budget, attention: see :func:`prune_channels`.

    Raises:
        ValueError: also where all layers of the scope are tied to others, widths are rounded to the dense ones, or
            attention would be left without a head.
    """
    if attention not in ATTENTION:
        raise ValueError(f"pruning.attention={attention}: choose one of {', '.join(ATTENTION)}")
    budget.ratios.check(model, scope)
    if next(model.parameters()).is_meta:
        entries = _dense_entries(model, (*scope,), attention)
        _check_any(scope, entries)
        budget.check(entries)


@cache
def _dense_entries(model: TryOnModel, scope: tuple[str, ...], attention: str) -> list[Entry]:
    """Of each group. A sweep has many variants of one network, and none changes it on that device."""
    groups = _divisible(find_groups(model, scope, None, attention))
    return [_entry(group, group.units, torch.zeros(group.units)) for group in groups]


def _divisible(groups: Sequence[Group]) -> list[Group]:
    """Those of dense groups that have more than one unit: an only head stays."""
    return [group for group in groups if group.division == UNDIVIDED or group.units > 1]


def _entry(group: Group, dense: int, importance: Tensor) -> Entry:
    """A group that had ``dense`` units, and the importance of those that it has."""
    kind = group.division.kind if group.division.kind in (HEADS, NORM_GROUPS) else CHANNELS
    return Entry(group.members, dense, importance, group.division.size(group.channels), kind)


def _check_any(scope: Sequence[str], groups: Sequence[object]) -> None:
    if not groups:
        raise ValueError(
            f"scope ({', '.join(scope)}) has no channels that may go: its layers give the result or are tied to others "
            "outside; choose a larger scope"
        )


def prune_channels(
    model: TryOnModel,
    scope: Sequence[str],
    criterion: Criterion,
    budget: Budget,
    data: TryOnData | None = None,
    folder: Path | None = None,
    steps: int = 1,
    recover: Recover | None = None,
    attention: str = HEADS,
) -> None:
    """Remove what ``budget`` says from the layers in ``scope``, in ``steps`` equal steps, in place.

    The importance is computed anew before every step. Output layers keep their width. Layers whose channels are tied,
    because what they give is added or compared, lose the same ones: the smallest share that one of them is to lose;
    none if one of them lies outside the scope.

    Args:
        model, scope, criterion, data, folder: see :meth:`vtoncompress.pruning.base.Pruning.prune`.
        budget: how much, and by which ranking.
        steps: 1 removes all at once.
        recover: called with the step's number, from 0, after every step but the last.
        attention: loses ``heads``, or as many channels of every head by ``head_widths``.

    Raises:
        ValueError: see :meth:`vtoncompress.pruning.ratio.Ratios.check`; or all layers of the scope are tied to others.
    """
    budget.ratios.check(model, scope)
    training = model.training
    model.eval()
    graph = trace(model)
    groups = _divisible(find_groups(model, scope, graph, attention))
    _check_any(scope, groups)
    dense = {group.name: group.units for group in groups}
    budget.check_heads([_entry(group, group.units, torch.zeros(group.units)) for group in groups])
    criterion.prepare(model, groups, data, folder)
    for step in range(steps):
        if step:
            graph = trace(model)  # torch-pruning keeps the places at which a layer's result was split
        importance = criterion.importance(model, data)
        groups = [group for group in find_groups(model, scope, graph, attention) if group.name in dense]
        united = [group.division.unite(importance(group.tied)) for group in groups]
        entries = [_entry(group, dense[group.name], scores) for group, (scores, _) in zip(groups, united, strict=True)]
        removed = budget.removed(entries, (step + 1) / steps)
        for group, units, (_, channels) in zip(groups, removed, united, strict=True):
            if units:
                _remove(model, graph, group, channels[units].flatten().tolist())
        model.refit()
        model.zero_grad(set_to_none=True)
        if recover is not None and step + 1 < steps:
            recover(step)
    model.train(training)
    # One of its steps tells as much as a whole call, which may take minutes.
    call = model.dependency_outputs if isinstance(model, StepwiseModel) else model
    with torch.inference_mode():
        call(*model.example_inputs())


def _remove(model: TryOnModel, graph: tp.DependencyGraph, group: Group, channels: Sequence[int]) -> None:
    root, division = group.tied[0].dep, group.division
    graph.get_pruning_group(root.target.module, root.handler, sorted(channels)).prune()
    left = group.channels - len(channels)
    if division.kind == HEADS:
        model.set_heads(group.members, left * division.sections // group.channels, 1.0)
    elif division.kind == HEAD_WIDTHS:
        # Attention divides its products by the root of the width that it finds; they were trained on the dense one's.
        model.set_heads(group.members, division.sections, math.sqrt(left / group.channels))
