"""The order of examples: everybody once a round, another's garment beside, the same whenever it is asked for."""

from __future__ import annotations

import numpy as np
import torch

from vtoncompress.data.viton_training import VitonTraining
from vtoncompress.finetuning.examples import TrainingExamples, draw


def test_everybody_comes_once_a_round_in_another_order() -> None:
    rounds = [[draw(3, 7 * round_ + place, 7)[0] for place in range(7)] for round_ in range(4)]
    assert all(sorted(one) == [*range(7)] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1
    assert rounds[1] != [draw(4, place, 7)[0] for place in range(7, 14)]


def test_the_second_garment_is_another_s() -> None:
    drawn = [draw(0, place, 5) for place in range(400)]
    assert all(one != other for one, other in drawn)
    shares = np.bincount([(other - one) % 5 for one, other in drawn], minlength=5)[1:] / 400
    assert np.abs(shares - 0.25).max() < 0.08  # three standard deviations
    assert draw(0, 0, 1) == (0, 0)  # there is no other


def test_an_example_is_what_the_data_holds(examples: VitonTraining) -> None:
    stream = TrainingExamples(examples, 5, 9, seed=2)
    assert len(stream) == 4
    batch, (one, other) = stream[1], draw(2, 6, len(examples))
    example, (garment, mask) = examples[one], examples.garment(other)
    for name in ("person", "garment"):
        expected = torch.from_numpy(getattr(example, name).transpose(2, 0, 1).astype(np.float32) / 127.5 - 1)
        torch.testing.assert_close(batch[name], expected)
    torch.testing.assert_close(batch["region"][0], torch.from_numpy(example.region / np.float32(255)))
    assert torch.equal(batch["kept"][0] > 0.5, torch.from_numpy(example.kept > 127))
    assert torch.equal(batch["parts"][0], torch.from_numpy(np.array(example.parts)))
    assert torch.equal(batch["joints"], torch.from_numpy(example.joints))
    expected = torch.from_numpy(garment.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1)
    torch.testing.assert_close(batch["other_garment"], expected)
    torch.testing.assert_close(batch["other_garment_mask"][0], torch.from_numpy(mask / np.float32(255)))
    again = TrainingExamples(examples, 0, 9, seed=2)[6]
    assert all(torch.equal(value, again[name]) for name, value in batch.items())
