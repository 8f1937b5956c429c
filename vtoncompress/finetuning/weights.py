"""Factors of a loss's terms, as a config gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def term_weights(option: str, weights: Mapping[str, Any]) -> dict[str, float]:
    """``weights`` as plain numbers.

    Raises:
        ValueError: no mapping, one that is no number of 0 or more, or all of them 0.
    """
    if not isinstance(weights, Mapping):
        raise ValueError(
            f"{option}={weights}: weights by term are needed; a set of them is chosen with a slash, "
            f"{option.replace('.', '/')}={weights}"
        )
    for name, weight in weights.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not 0 <= weight < math.inf:
            raise ValueError(f"{option}.{name}={weight}: give a number of 0 (not computed) or more")
    if not any(weights.values()):
        raise ValueError(f"{option}: every weight is 0, so there is nothing to minimise: give one more than 0")
    return {str(name): float(weight) for name, weight in weights.items()}


def check_names(option: str, weights: Mapping[str, float], known: tuple[str, ...]) -> None:
    """ValueError for the first term that isn't among the known ones."""
    for name in weights:
        if name not in known:
            raise ValueError(f"{option}.{name} is no term of the loss: there are {', '.join(known)}")
