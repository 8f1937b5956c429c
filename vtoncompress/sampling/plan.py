"""What each step of a sampler takes: with guidance or without, all of the network or its outer layers.

Guidance in a window: Kynkaanniemi et al. 2024. Features kept between steps: Ma et al. 2024 (DeepCache).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LARGEST_MERGING = 0.75
"""Of each four tokens one stays for the others to be merged into."""


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        guided: whether the network is called without the garment too.
        deep: whether all of its layers run; if not, the outer ones do with features of the last step that was deep.
    """

    guided: bool
    deep: bool


def planned(steps: int, guidance: float, window: Sequence[float], reuse: int) -> list[Step]:
    """Every step, in order; arguments as of :class:`vtoncompress.sampling.base.Sampling`.

    A guided step has no features to reuse where the last deep one was not guided, so that it is deep itself.
    """
    found: list[Step] = []
    since, kept_both = reuse, False
    for step in range(steps):
        guided = guidance != 1 and is_within(step, steps, window)
        deep = since >= reuse or (guided and not kept_both)
        if deep:
            since, kept_both = 0, guided
        since += 1
        found.append(Step(guided, deep))
    return found


def is_within(step: int, steps: int, window: Sequence[float]) -> bool:
    """Whether a step, from 0, is in the window; the tolerance is for shares that are no binary fractions."""
    first, last = window
    return first - 1e-6 <= step / steps < last - 1e-6


def check_window(window: Sequence[float], guidance: float, steps: int) -> None:
    """ValueError for a window that is none, lies outside of the steps or holds none of them."""
    told = f"sampling.guidance_window={[*window]}"
    numbers = [share for share in window if isinstance(share, int | float)]
    if len(window) != 2 or len(numbers) != 2 or not 0 <= numbers[0] < numbers[1] <= 1:
        raise ValueError(f"{told} lies outside of the steps: give two shares of them, 0 <= first < last <= 1")
    if guidance != 1 and not any(is_within(step, steps, window) for step in range(steps)):
        raise ValueError(f"{told} holds none of {steps} steps: widen it, or switch guidance off (sampling.guidance=1)")


def check_reuse(reuse: int, layers: int, plan: Sequence[Step]) -> None:
    """ValueError for a number out of range, or where no step is left that could reuse anything."""
    if reuse < 1 or layers < 1:
        raise ValueError(f"sampling.reuse={reuse}, sampling.reuse_layers={layers}: use 1 or more of both")
    if reuse > 1 and all(step.deep for step in plan):
        raise ValueError(
            f"sampling.reuse={reuse} with sampling.steps={len(plan)}: there is no later step to reuse features in, use "
            "more steps, or reuse=1"
        )


def check_merging(merging: float) -> None:
    """ValueError for a share out of range."""
    if not 0 <= merging <= LARGEST_MERGING:
        raise ValueError(f"sampling.merging={merging}: use 0 (none) to {LARGEST_MERGING}")
