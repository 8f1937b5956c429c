from __future__ import annotations

from pathlib import Path

import torch

from vtoncompress.data.base import Pair
from vtoncompress.finetuning.none import NoFinetuning
from vtoncompress.model.pf_afn import PFAFN


def test_leaves_the_network_as_it_is_and_looks_at_no_pair(toy: PFAFN, toys: dict[str, PFAFN], tmp_path: Path) -> None:
    """Whatever options of the other modes are set."""
    summary = NoFinetuning(samples=1600, batch_size=16, learning_rate=1.0).train(toy, _Forbidden(), tmp_path)
    assert summary == {"samples": 0}
    before, after = toys["official"].state_dict(), toy.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert not toy.training
    assert not list(tmp_path.iterdir())


def test_statistics_alone_may_be_taken_anew(
    toy: PFAFN, toys: dict[str, PFAFN], pairs: list[Pair], tmp_path: Path
) -> None:
    NoFinetuning(batch_norm_pairs=2).train(toy, pairs, tmp_path)
    before, after = toys["official"].state_dict(), toy.state_dict()
    changed = {key.rpartition(".")[2] for key, value in before.items() if not torch.equal(after[key], value)}
    assert changed == {"running_mean", "running_var", "num_batches_tracked"}
    assert not toy.training


class _Forbidden:
    def __getitem__(self, index: int) -> Pair:
        raise AssertionError("looked at a pair")
