"""Channel pruning through torch-pruning's dependency graph, shared by the one-shot and the iterative mode."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch_pruning as tp
from torch import nn

from vtoncompress.criterion.base import Criterion
from vtoncompress.model.base import TryOnModel


def prune_channels(
    model: TryOnModel, scope: Sequence[str], criterion: Criterion, ratio: float, steps: int, round_to: int | None
) -> None:
    """Remove the share ``ratio`` of the channels of every layer in ``scope``, in ``steps`` equal steps, in place.

    The importance is computed anew before every step. Output layers keep their width.

    Raises:
        ValueError: a name in ``scope`` is not a submodule.
    """
    layers = dict(model.named_modules())
    for name in scope:
        if name not in layers:
            raise ValueError(
                f"scope names {name!r}, which {type(model).__name__} lacks: it has {', '.join(model.parts)}"
            )
    fixed = set(model.output_layers())
    inside = {
        name
        for name, layer in layers.items()
        if isinstance(layer, nn.Conv2d) and name not in fixed and any(_within(name, part) for part in scope)
    }
    training = model.training
    pruner = tp.pruner.BasePruner(
        model,
        example_inputs=tuple(model.example_inputs()),
        importance=criterion.importance(),
        pruning_ratio=ratio,
        iterative_steps=steps,
        round_to=round_to,
        ignored_layers=[layer for name, layer in layers.items() if isinstance(layer, nn.Conv2d) and name not in inside],
        forward_fn=lambda _, inputs: model.dependency_outputs(*inputs),
    )
    for _ in range(steps):
        pruner.step()
    model.zero_grad(set_to_none=True)
    model.train(training)
    with torch.inference_mode():
        model(*model.example_inputs())


def _within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def check_ratio(ratio: float) -> float:
    """``ratio`` itself; ValueError unless it is more than 0 and less than 1."""
    if not isinstance(ratio, int | float) or not 0 < ratio < 1:
        raise ValueError(
            f"pruning.ratio={ratio}: give the share of channels to remove, more than 0 and less than 1 "
            "(pruning=none keeps all)"
        )
    return ratio
