from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vtoncompress.data.base import Pair
from vtoncompress.finetuning.batch_norm import reestimate
from vtoncompress.finetuning.pairs import mirror
from vtoncompress.model.pf_afn import PFAFN


def test_statistics_are_the_plain_average_over_the_pairs(
    toy: PFAFN, pairs: list[Pair], batch: dict[str, Tensor]
) -> None:
    """Of what the layer sees: the person's encoder begins with a batch norm of the photo itself."""
    layer = toy.warp.cond_features.encoders[0][0].block[0]
    layer.running_mean.fill_(100)
    layer.running_var.fill_(100)
    reestimate(toy, pairs, 4)
    person = batch["person"]
    torch.testing.assert_close(layer.running_mean, person.mean((0, 2, 3)))
    torch.testing.assert_close(layer.running_var, person.var((0, 2, 3)))
    assert layer.momentum == 0.1
    assert not toy.training


def test_weights_stay(toy: PFAFN, toys: dict[str, PFAFN], pairs: list[Pair]) -> None:
    reestimate(toy, pairs, 2)
    before = dict(toys["official"].named_parameters())
    assert all(torch.equal(value, before[name]) for name, value in toy.named_parameters())


def test_no_pairs_keep_the_moving_averages(toy: PFAFN, toys: dict[str, PFAFN], pairs: list[Pair]) -> None:
    reestimate(toy, pairs, 0)
    before, after = toys["official"].state_dict(), toy.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_every_other_pair_is_mirrored_as_in_training(toy: PFAFN, pairs: list[Pair], batch: dict[str, Tensor]) -> None:
    seen: list[Tensor] = []
    toy.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    reestimate(toy, pairs, 2)
    first, second = ({name: tensor[i] for name, tensor in batch.items()} for i in range(2))
    assert torch.equal(seen[0][0], first["person"])
    assert torch.equal(seen[0][1], mirror(second)["person"])


def test_pairs_follow_the_network_to_its_device(toy: PFAFN, pairs: list[Pair]) -> None:
    """A device without values stands for a GPU, so that there is nothing to see after the first call."""
    devices: list[str] = []

    def look(_: object, arguments: tuple[Tensor, ...]) -> None:
        devices.extend(argument.device.type for argument in arguments)
        raise StopIteration

    toy.to("meta").register_forward_pre_hook(look)
    with pytest.raises(StopIteration):
        reestimate(toy, pairs, 2)
    assert devices == ["meta"] * 3
