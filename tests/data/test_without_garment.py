"""Pairs that tell nothing of their garment, and all the rest."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from vtoncompress.data.base import Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.data.without_garment import WithoutGarment
from vtoncompress.finetuning.pairs import training_tensors

GARMENT = {"garment", "garment_mask"}


def test_everything_but_the_garment_is_the_generated_pair_s() -> None:
    whole, blank = Synthetic("train", 3, 128, 96, 1), WithoutGarment("train", 3, 128, 96, 1)
    assert len(blank) == 3
    for pair, shown in zip(whole, blank, strict=True):
        assert differing(pair, shown) == GARMENT
    first, last = blank[0], blank[-1]
    assert differing(first, last) >= {"person", "truth"}
    assert not differing(first, last) & GARMENT
    assert differing(blank[1:][0], blank[1]) == set()
    assert np.array_equal(blank.person(2), whole.person(2))
    assert blank.pair_list_hash() != whole.pair_list_hash()
    assert training_tensors(first)["garment"].unique().tolist() == [1.0]  # there is a truth to learn


def differing(one: Pair, other: Pair) -> set[str]:
    names = [field.name for field in fields(Pair)]
    return {name for name in names if not np.array_equal(getattr(one, name), getattr(other, name))}
