"""Channels removed in steps, from groups of tied layers that torch-pruning's dependency graph finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch

from vtoncompress.criterion.base import Criterion
from vtoncompress.data.base import TryOnData
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.budget import Budget, Entry
from vtoncompress.pruning.groups import find_groups, trace

Recover = Callable[[int], None]


def check_channels(model: TryOnModel, scope: Sequence[str], budget: Budget) -> None:
    """Refuse what would remove nothing, and what :meth:`vtoncompress.pruning.ratio.Ratios.check` refuses.

    Args:
        model: its tied layers are looked for only on the meta device, where that is quick; pruning checks others.
        scope, budget: see :func:`prune_channels`.

    Raises:
        ValueError: also where all layers of the scope are tied to others, or widths are rounded to the dense ones.
    """
    budget.ratios.check(model, scope)
    if next(model.parameters()).is_meta:
        groups = _groups(model, (*scope,))
        _check_any(scope, groups)
        budget.check(groups)


@cache
def _groups(model: TryOnModel, scope: Sequence[str]) -> list[tuple[Sequence[str], int]]:
    """Layers and width of each group. A sweep has many variants of one network, and none changes it on that device."""
    return [(group.members, group.channels) for group in find_groups(model, scope)]


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

    Raises:
        ValueError: see :meth:`vtoncompress.pruning.ratio.Ratios.check`; or all layers of the scope are tied to others.
    """
    budget.ratios.check(model, scope)
    training = model.training
    model.eval()
    graph = trace(model)
    groups = find_groups(model, scope, graph)
    _check_any(scope, groups)
    widths = {group.name: group.channels for group in groups}
    criterion.prepare(model, groups, data, folder)
    for step in range(steps):
        importance = criterion.importance(model, data)
        groups = find_groups(model, scope, graph)
        entries = [Entry(group.members, widths[group.name], importance(group.tied)) for group in groups]
        for group, indices in zip(groups, budget.removed(entries, (step + 1) / steps), strict=True):
            if indices:
                root = group.tied[0].dep
                graph.get_pruning_group(root.target.module, root.handler, indices).prune()
        model.zero_grad(set_to_none=True)
        if recover is not None and step + 1 < steps:
            recover(step)
    model.train(training)
    with torch.inference_mode():
        model(*model.example_inputs())
