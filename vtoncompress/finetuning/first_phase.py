"""A part of the network learns first, then all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn


@dataclass(frozen=True)
class FirstPhase:
    """Args:
    share: of the steps, from the first one, in which only ``modules`` learn; 0 is no such phase, 1 nothing else.
    modules: names of submodules, or patterns of them, such as ``unet.*.attn1``; the batch norms of all others keep
        their statistics and use them.

    Raises:
        ValueError: a share out of range, or one without modules.
    """

    share: float
    modules: tuple[str, ...]

    @classmethod
    def of(cls, options: Mapping[str, Any] | None) -> FirstPhase:
        """From a config's mapping; none where it has none."""
        options = options or {}
        if unknown := options.keys() - {"share", "modules"}:
            raise ValueError(f"finetuning.first_phase.{min(unknown)} is no option: there are share and modules")
        modules = options.get("modules", ())
        return cls(options.get("share", 0.0), (modules,) if isinstance(modules, str) else tuple(modules))

    def __post_init__(self) -> None:
        if isinstance(self.share, bool) or not isinstance(self.share, int | float) or not 0 <= self.share <= 1:
            raise ValueError(f"finetuning.first_phase.share={self.share}: give a share of the steps, 0 to 1")
        if self.share and not self.modules:
            raise ValueError(
                f"finetuning.first_phase.share={self.share} of the steps without finetuning.first_phase.modules: name "
                "the submodules that learn in them, for example [warp]"
            )

    def check(self, model: nn.Module) -> None:
        """ValueError where a module doesn't exist."""
        for name in self.modules:
            if not _matching(model, name):
                raise ValueError(
                    f"finetuning.first_phase.modules names {name!r}, which {type(model).__name__} lacks: it has "
                    + ", ".join(name for name, _ in _upper(model))
                )

    def steps(self, steps: int) -> int:
        """How many of ``steps`` it takes."""
        return round(self.share * steps)

    def begin(self, model: nn.Module) -> None:
        """Freeze all but the modules. What is frozen is left out of the backward pass, so the phase is cheaper."""
        model.requires_grad_(False).eval()
        for name in self.modules:
            for module in _matching(model, name):
                module.requires_grad_(True).train()

    def end(self, model: nn.Module) -> None:
        """Let all of the model learn."""
        model.requires_grad_(True).train()


def _matching(model: nn.Module, pattern: str) -> list[nn.Module]:
    return [module for name, module in model.named_modules() if name and fnmatchcase(name, pattern)]


def _upper(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Submodules down to the second level, by name."""
    return [(name, one) for name, one in model.named_modules() if name and name.count(".") < 2 and [*one.children()]]
