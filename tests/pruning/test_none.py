from __future__ import annotations

import torch

from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.none import NoPruning


def test_leaves_the_network_as_it_is_whatever_ratio_is_set(toy: PFAFN, toys: dict[str, PFAFN]) -> None:
    NoPruning(ratio=0.5, steps=3, round_to=None).prune(toy, ["warp", "generator"], MagnitudeL2())
    before, after = toys["official"].state_dict(), toy.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())
