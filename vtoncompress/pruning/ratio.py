"""Which share of its channels each layer is to lose: a common ratio, and others for parts of the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from vtoncompress.model.base import TryOnModel

LAYERS = (nn.Conv2d, nn.Linear)
"""Whose output channels may go."""
Share = float
"""Of channels, 0..1. By this name its range is told with its type: an option's type alone would be checked first."""


@dataclass(frozen=True)
class Ratios:
    """Shares of channels to remove.

    Args:
        common: of every layer of the scope that no entry of ``parts`` holds, more than 0 and less than 1.
        parts: submodule -> ratio of its layers instead, at least 0 (its channels stay) and less than 1. Of two that
            hold a layer the innermost counts.

    Raises:
        ValueError: a ratio out of range.
    """

    common: float
    parts: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _is_number(self.common) or not 0 < self.common < 1:
            raise ValueError(
                f"pruning.ratio={self.common}: give the share of channels to remove, more than 0 and less than 1 "
                "(pruning=none keeps all)"
            )
        for name, ratio in self.parts.items():
            if not _is_number(ratio) or not 0 <= ratio < 1:
                raise ValueError(
                    f"pruning.ratios.{name}={ratio}: give the share of channels to remove, at least 0 (which keeps "
                    "all) and less than 1"
                )

    def of(self, layer: str) -> float:
        """The ratio of the layer of this name."""
        holding = [name for name in self.parts if within(layer, name)]
        return self.parts[max(holding, key=len)] if holding else self.common

    def least(self, layers: Iterable[str]) -> float:
        """The ratio of tied layers: the smallest of theirs.

        A layer may lose somewhat more: widths are whole numbers, rounded down, or multiples of ``round_to``.
        """
        return min(self.of(layer) for layer in layers)

    def check(self, model: TryOnModel, scope: Sequence[str]) -> None:
        """ValueError where the scope or a part is no submodule of ``model``, or a part lies outside the scope."""
        layers = dict(model.named_modules())
        if isinstance(scope, str):
            raise ValueError(f"scope.modules={scope}: a list is needed, such as scope.modules=[{scope}]")
        if not scope:
            raise ValueError(
                f"the scope is empty: name submodules of {type(model).__name__}, such as {', '.join(model.parts)}"
            )
        for name in scope:
            if not any(fnmatchcase(layer, name) for layer in layers):
                raise ValueError(
                    f"scope names {name!r}, which {type(model).__name__} lacks: it has {', '.join(model.parts)}"
                )
        kept = set(model.output_layers())
        prunable = {name for name, layer in layers.items() if isinstance(layer, LAYERS)} - kept
        if not any(within(layer, name) for layer in prunable for name in scope):
            raise ValueError(
                f"scope {', '.join(scope)} holds nothing to prune, only layers whose width is an interface or none: "
                f"choose a larger part, such as {', '.join(model.parts)}"
            )
        known = ", ".join(
            [
                *scope,
                *(f"{name}.{child}" for name in scope if name in layers for child, _ in layers[name].named_children()),
            ]
        )
        for name in self.parts:
            held = [layer for one, layer in layers.items() if fnmatchcase(one, name)]
            if not held:
                raise ValueError(f"pruning.ratios names {name!r}, which {type(model).__name__} lacks: it has {known}")
            if not any(within(name, part) for part in scope):
                raise ValueError(
                    f"pruning.ratios.{name} lies outside the scope ({', '.join(scope)}): choose one of {known}, or "
                    "another scope"
                )
            if not any(isinstance(layer, LAYERS) for part in held for layer in part.modules()):
                raise ValueError(f"pruning.ratios.{name} holds no convolution: choose one of {known}")


def flatten(parts: Mapping[str, Any] | None) -> dict[str, Any]:
    """Submodule -> ratio, from a config, where ``+pruning.ratios.warp.image_FPN=0.3`` is a mapping in a mapping."""
    if not isinstance(parts, Mapping | None):
        raise ValueError(
            f"pruning.ratios={parts}: ratios by submodule are needed, such as +pruning.ratios.generator=0.25; one for "
            "all is pruning.ratio"
        )
    flat: dict[str, Any] = {}
    for name, value in (parts or {}).items():
        inner = flatten(value) if isinstance(value, Mapping) else None
        flat |= {name: value} if inner is None else {f"{name}.{child}": ratio for child, ratio in inner.items()}
    return flat


def within(name: str, part: str) -> bool:
    """Whether the module ``name`` is ``part``, which may be a pattern (``unet.*.attn1``), or inside it."""
    return fnmatchcase(name, part) or fnmatchcase(name, f"{part}.*")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
