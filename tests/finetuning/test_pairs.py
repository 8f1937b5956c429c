"""Pairs as tensors; in the mirror the flow still says where every pixel of the garment comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from vtoncompress.data.base import Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.finetuning.pairs import TrainingPairs, mirror, training_tensors
from vtoncompress.reference import sample


def _last(tensor: Tensor) -> np.ndarray:
    return tensor.permute(1, 2, 0).numpy()


def _worn(tensors: dict[str, Tensor]) -> np.ndarray:
    """The garment read at the flow, where it is visible."""
    return sample(_last(tensors["garment"]), _last(tensors["flow"])) * _last(tensors["region"])


def test_ranges_and_shapes(pairs: list[Pair]) -> None:
    tensors = training_tensors(pairs[0])
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        "person": (3, 128, 96),
        "garment": (3, 128, 96),
        "garment_mask": (1, 128, 96),
        "truth": (3, 128, 96),
        "region": (1, 128, 96),
        "flow": (2, 128, 96),
        "agnostic_mask": (1, 128, 96),
        "place": (),
    }
    assert tensors.pop("place").dtype == torch.int64
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    for name in ("person", "garment", "truth"):
        assert -1 <= tensors[name].min() < -0.2 < 0.2 < tensors[name].max() <= 1, name
    assert (tensors["region"].min(), tensors["region"].max()) == (0, 1)
    np.testing.assert_array_equal(_last(tensors["flow"]), pairs[0].flow)


def test_the_flow_of_a_mirrored_pair_reads_the_mirrored_garment(pairs: list[Pair]) -> None:
    for pair in pairs:
        tensors = training_tensors(pair)
        mirrored = mirror(tensors)
        np.testing.assert_allclose(_worn(mirrored), _worn(tensors)[:, ::-1], rtol=0, atol=1e-4)
        # And it is the worn garment, shading aside, not just any picture: no flow gives something else.
        truth = _last(mirrored["truth"]) * _last(mirrored["region"])
        near = np.abs(_worn(mirrored) - truth).mean()
        assert near < 0.5 * np.abs(_worn(tensors) - truth).mean()


def test_mirroring_twice_is_the_pair_and_leaves_the_given_one_alone(pairs: list[Pair]) -> None:
    tensors = training_tensors(pairs[0])
    again = mirror(mirror(tensors))
    fresh = training_tensors(pairs[0])
    for name, tensor in fresh.items():
        assert torch.equal(tensors[name], tensor), name
        torch.testing.assert_close(again[name], tensor, rtol=0, atol=1e-4)


def test_odd_pairs_are_mirrored_wherever_the_list_begins(pairs: list[Pair]) -> None:
    data = Synthetic("train", 4, 128, 96)
    whole, end = TrainingPairs(data, 0, 4), TrainingPairs(data, 3, 4)
    assert (len(whole), len(end)) == (4, 1)
    assert torch.equal(whole[2]["person"], training_tensors(pairs[2])["person"])
    assert torch.equal(whole[3]["person"], training_tensors(pairs[3])["person"].flip(-1))
    assert torch.equal(end[0]["flow"], whole[3]["flow"])


def test_another_seed_of_the_training_data_gives_other_pairs_from_the_first_on() -> None:
    """As ``training_data.seed`` does; ``seed`` is no part of what is drawn."""
    first, again, other = (TrainingPairs(Synthetic("train", 4, 128, 96, seed), 0, 1)[0] for seed in (2, 2, 3))
    for name in ("person", "garment", "truth", "flow"):
        assert torch.equal(first[name], again[name]), name
        assert not torch.equal(first[name], other[name]), name


@pytest.mark.parametrize("field", ["truth", "region", "flow"])
def test_a_pair_without_truth_cannot_be_learnt_from(pairs: list[Pair], field: str) -> None:
    with pytest.raises(ValueError, match=r"pair train_0_000000 has no truth: .*data=synthetic"):
        training_tensors(replace(pairs[0], **{field: None}))
