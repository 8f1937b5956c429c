from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import pytest

from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.iterative import Iterative
from vtoncompress.pruning.one_shot import OneShot

Pruned = Callable[..., PFAFN]


@pytest.fixture(scope="session")
def pruned(toys: dict[str, PFAFN]) -> Pruned:
    """``pruned(ratio, *scope, steps=1)``: the toy, pruned; each made once and not to be changed."""

    @cache
    def make(ratio: float, *scope: str, steps: int = 1) -> PFAFN:
        model = copy.deepcopy(toys["official"])
        mode = OneShot(ratio) if steps == 1 else Iterative(ratio, steps)
        mode.prune(model, scope, MagnitudeL2())
        return model

    return make
