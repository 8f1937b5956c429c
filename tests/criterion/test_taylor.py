from __future__ import annotations

import pytest
import torch

from vtoncompress.criterion.gradients import mean_over_pairs
from vtoncompress.criterion.taylor import Taylor
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.groups import find_groups

DATA = Synthetic("train", 2, 128, 96)
LOSS = {"flow": 0.05, "image": 2.0}


def test_a_channel_that_nothing_depends_on_goes_first(toy: PFAFN) -> None:
    """The generator's first layer and what takes it in: weights that give nothing have no part in the loss."""
    group = next(g for g in find_groups(toy, ["generator"]) if g.name == "generator.model.model.0")
    for item in group.tied:
        layer = item.dep.layer
        if isinstance(layer, torch.nn.Conv2d) and item.dep.pruning_fn.__name__.endswith("out_channels"):
            layer.weight.data[item.idxs[1]] = 0
        elif isinstance(layer, torch.nn.BatchNorm2d):
            layer.weight.data[item.idxs[1]], layer.bias.data[item.idxs[1]] = 0, 0
    importance = Taylor(2, LOSS).importance(toy, DATA)(group.tied)
    assert importance.argmin() == 1
    assert (importance >= 0).all()
    assert importance.mean() == pytest.approx(1)


def test_scores_are_of_the_loss_s_own_gradients(toy: PFAFN) -> None:
    name = "generator.model.model.0.weight"
    weight = dict(toy.named_parameters())[name]
    gradient = mean_over_pairs(toy, OwnLoss(LOSS), DATA, 2, 2, lambda one: one)[weight]
    expected = (weight * gradient).abs().detach()
    torch.testing.assert_close(Taylor(2, LOSS).importance(toy, DATA).scores[weight], expected)


def test_gradients_of_opposite_signs_do_not_cancel(toy: PFAFN, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vtoncompress.criterion.taylor.BATCH", 1)
    weight = dict(toy.named_parameters())["generator.model.model.0.weight"]
    singles = [
        mean_over_pairs(toy, OwnLoss(LOSS), DATA[index : index + 1], 1, 1, lambda one: one)[weight] for index in (0, 1)
    ]
    expected = (weight.abs() * (singles[0].abs() + singles[1].abs()) / 2).detach()
    assert (singles[0] * singles[1] < 0).any()
    torch.testing.assert_close(Taylor(2, LOSS).importance(toy, DATA).scores[weight], expected)


@pytest.mark.parametrize(
    "pairs, data, message",
    [
        (0, DATA, "criterion.pairs=0: criterion=taylor ranks channels by gradients and needs pairs"),
        (3, DATA, "criterion.pairs=3, but the training data has 2: use 2 or fewer"),
        (2, None, "criterion=taylor computes gradients and needs training_data, which is null"),
    ],
)
def test_no_data_to_compute_gradients_on_is_told(pairs: int, data: Synthetic | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Taylor(pairs, LOSS).check(data)
