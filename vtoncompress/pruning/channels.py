"""Channel pruning through torch-pruning's dependency graph, shared by the one-shot and the iterative mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch_pruning as tp
from torch import nn

from vtoncompress.criterion.base import Criterion
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.ratio import Ratios, within


def prune_channels(
    model: TryOnModel, scope: Sequence[str], criterion: Criterion, ratios: Ratios, steps: int, round_to: int | None
) -> None:
    """Remove from every layer in ``scope`` its share of the channels, in ``steps`` equal steps, in place.

    The importance is computed anew before every step. Output layers keep their width. Layers whose channels are tied,
    because what they give is added or compared, lose the same ones: the smallest share that one of them is to lose, so
    that no layer loses more than was asked; none if one of them lies outside the scope.

    Raises:
        ValueError: see :meth:`vtoncompress.pruning.ratio.Ratios.check`.
    """
    ratios.check(model, scope)
    fixed = set(model.output_layers())
    convolutions = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    shares: dict[nn.Module, float] = {
        layer: ratios.of(name) if name not in fixed and any(within(name, part) for part in scope) else 0.0
        for name, layer in convolutions.items()
    }
    training = model.training
    pruner = tp.pruner.BasePruner(
        model,
        example_inputs=tuple(model.example_inputs()),
        importance=criterion.importance(),
        pruning_ratio=ratios.common,
        pruning_ratio_dict={layer: share for layer, share in shares.items() if share},
        iterative_steps=steps,
        round_to=round_to,
        ignored_layers=[layer for layer, share in shares.items() if not share],
        forward_fn=lambda _, inputs: model.dependency_outputs(*inputs),
    )
    _level_tied_layers(pruner, shares)
    for _ in range(steps):
        pruner.step()
    model.zero_grad(set_to_none=True)
    model.train(training)
    with torch.inference_mode():
        model(*model.example_inputs())


def _level_tied_layers(pruner: tp.pruner.BasePruner, shares: Mapping[nn.Module, float]) -> None:
    """torch-pruning would take the ratio of whichever tied layer it meets first."""
    schedules = pruner.pruning_ratio_dict
    for group in pruner.DG.get_all_groups(pruner.ignored_layers, pruner.root_module_types):
        tied = {
            dependency.target.module
            for dependency, _ in group
            if dependency.target.module in shares and pruner.DG.is_out_channel_pruning_fn(dependency.handler)
        }
        least = min(tied, key=lambda layer: shares[layer])
        schedules.update(dict.fromkeys(tied, schedules[least]))
