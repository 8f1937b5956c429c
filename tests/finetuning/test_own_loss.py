from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import PAPER, TRUTH
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.model.pf_afn import PFAFN


@pytest.mark.parametrize(
    "weights, message",
    [
        ("paper", "finetuning.loss=paper: weights by term .* chosen with a slash, finetuning/loss=paper"),
        ({"image": -1.0}, "finetuning.loss.image=-1.0: give a number of 0"),
        ({"image": "much"}, "finetuning.loss.image=much: give a number of 0"),
        ({"image": float("nan")}, "finetuning.loss.image=nan: give a number of 0"),
        ({"image": 0.0}, "finetuning.loss: every weight is 0"),
    ],
)
def test_weights_that_are_none(weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OwnLoss(weights)


def test_an_unknown_term_is_told_with_the_known_ones(toys: dict[str, PFAFN]) -> None:
    OwnLoss(TRUTH).check(toys["official"])
    with pytest.raises(ValueError, match="finetuning.loss.colour is no term of the loss: there are flow, roughness,"):
        OwnLoss({"image": 1.0, "colour": 0.0}).check(toys["official"])


def test_a_perceptual_network_is_looked_for_where_a_term_needs_it() -> None:
    nowhere = {"features": "vgg19", "weights": "/nowhere"}
    assert OwnLoss(TRUTH, nowhere).distance() is None
    with pytest.raises(ValueError, match="no VGG-19 weights at finetuning.perceptual.weights=/nowhere"):
        OwnLoss(PAPER, nowhere)
    with pytest.raises(ValueError, match="finetuning.perceptual.network is no option"):
        OwnLoss(PAPER, {"network": "vgg19"})
    distance = OwnLoss(PAPER, {"features": "shipped", "weights": None}).distance()
    assert distance is not None
    assert distance.origin["network"] == "vtoncompress features"
