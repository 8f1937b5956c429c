"""Gradients are those of the loss, and a network is left as it was."""

from __future__ import annotations

import torch

from vtoncompress.criterion.gradients import mean_over_pairs
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.model.pf_afn import PFAFN

SIZE = (128, 96)
LOSS = OwnLoss({"flow": 0.05, "image": 2.0})


def test_the_mean_does_not_depend_on_how_pairs_are_batched_but_for_means_over_a_batch(toy: PFAFN) -> None:
    data = Synthetic("train", 4, *SIZE)
    alone = mean_over_pairs(toy, LOSS, data, 1, 1, lambda gradient: gradient)
    again = mean_over_pairs(toy, LOSS, data, 1, 8, lambda gradient: gradient)
    for parameter, gradient in alone.items():
        torch.testing.assert_close(again[parameter], gradient)


def test_squares_are_those_of_single_pairs(toy: PFAFN) -> None:
    data = Synthetic("train", 2, *SIZE)
    squares = mean_over_pairs(toy, LOSS, data, 2, 1, torch.Tensor.square)
    singles = [
        mean_over_pairs(toy, LOSS, data[index : index + 1], 1, 1, lambda gradient: gradient) for index in range(2)
    ]
    for parameter, square in squares.items():
        expected = (singles[0][parameter] ** 2 + singles[1][parameter] ** 2) / 2
        torch.testing.assert_close(square, expected)


def test_weights_statistics_and_mode_stay(toy: PFAFN) -> None:
    before = {name: value.clone() for name, value in toy.state_dict().items()}
    mean_over_pairs(toy, LOSS, Synthetic("train", 2, *SIZE), 2, 2, lambda gradient: gradient)
    assert all(torch.equal(value, before[name]) for name, value in toy.state_dict().items())
    assert not toy.training
    assert all(parameter.grad is None for parameter in toy.parameters())
