"""Networks and pairs of 64 pixels, as good as any for asking whether two runs are the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from vtoncompress.data.base import Pair
from vtoncompress.model.pf_afn import PFAFN


@dataclass
class Small:
    """Pairs again and again, their middles only; a new process can be sent it. Pair ``kill_at`` is never given."""

    pairs: list[Pair]
    kill_at: int = -1

    def __getitem__(self, index: int) -> Pair:
        if index == self.kill_at:
            raise KeyboardInterrupt
        return self.pairs[index % len(self.pairs)]

    def killed_at(self, pair: int) -> Small:
        return replace(self, kill_at=pair)


def shrink(pair: Pair) -> Pair:
    """The middle of a pair."""
    names = ("person", "garment", "garment_mask", "truth", "region", "flow")
    return replace(pair, **{name: getattr(pair, name)[32:96, 16:80].copy() for name in names})


@pytest.fixture(scope="session")
def small(pairs: list[Pair]) -> Small:
    return Small([shrink(pair) for pair in pairs])


@pytest.fixture
def student() -> PFAFN:
    torch.manual_seed(0)
    return PFAFN(1 / 32, (64, 64)).eval()


@pytest.fixture
def teacher() -> PFAFN:
    """Twice as wide."""
    torch.manual_seed(1)
    return PFAFN(1 / 16, (64, 64)).eval()
