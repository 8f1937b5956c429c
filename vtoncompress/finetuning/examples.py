"""Training examples as a network learns from them: tensors, endless and shuffled, each with a second garment."""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from vtoncompress.data.viton_training import Example, VitonTraining
from vtoncompress.try_on import to_tensors


class TrainingExamples(Dataset[dict[str, Tensor]]):
    """Examples ``start`` to ``stop`` of a stream that takes every person once, in random order, then again in another.

    Beside its own garment each has one of another person, as a try-on call would.

    Args:
        data: what the stream is made of.
        start, stop: places in the stream.
        seed: of the order and of the second garments, which depend on nothing else.
    """

    def __init__(self, data: VitonTraining, start: int, stop: int, seed: int) -> None:
        self.data, self.start, self.stop, self.seed = data, start, stop, seed

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        one, other = draw(self.seed, self.start + index, len(self.data))
        other_garment, other_mask = self.data.garment(other)
        example = example_tensors(self.data[one])
        again = to_tensors(other_garment, other_garment, other_mask)
        example["other_garment"] = torch.from_numpy(again["garment"][0])
        example["other_garment_mask"] = torch.from_numpy(again["garment_mask"][0])
        return example


def draw(seed: int, place: int, people: int) -> tuple[int, int]:
    """The person at a place of the stream, and whose garment it gets besides: never its own where there is another."""
    round_, position = divmod(place, people)
    person = int(_order(seed, round_, people)[position])
    step = int(np.random.default_rng([seed, round_, position]).integers(1, max(2, people)))
    return person, (person + step) % people


@functools.lru_cache(maxsize=2)
def _order(seed: int, round_: int, people: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, round_]).permutation(people)


def example_tensors(example: Example) -> dict[str, Tensor]:
    """One example without the batch dimension.

    Returns:
        ``person``, ``garment`` (3, H, W) in -1..1; ``garment_mask``, ``region``, ``kept`` (1, H, W) in 0..1; ``parts``
        (1, H, W) uint8; ``joints`` (18, 3).
    """
    pictures = to_tensors(example.person, example.garment, example.garment_mask)
    masks = {"region": example.region, "kept": example.kept}
    arrays = {
        **{name: array[0] for name, array in pictures.items()},
        **{name: mask[None].astype(np.float32) / np.float32(255) for name, mask in masks.items()},
        "parts": example.parts[None],
        "joints": example.joints,
    }
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
