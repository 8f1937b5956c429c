"""Pairs as a network learns from them: tensors, some of them mirrored."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vtoncompress.data.base import Pair, TryOnData
from vtoncompress.try_on import pair_tensors


class TrainingPairs(Dataset[dict[str, Tensor]]):
    """Pairs ``start`` to ``stop`` as tensors, every other one mirrored."""

    def __init__(self, data: TryOnData, start: int, stop: int) -> None:
        self.data, self.start, self.stop = data, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        index += self.start
        batch = training_tensors(self.data[index], index)
        return mirror(batch) if index % 2 else batch


def training_tensors(pair: Pair, place: int = 0) -> dict[str, Tensor]:
    """One pair as the model's loss takes it, without the batch dimension; ``place`` is its place in the training.

    Raises:
        ValueError: the pair has no truth to learn from.
    """
    if pair.truth is None or pair.region is None or pair.flow is None:
        raise ValueError(
            f"pair {pair.name} has no truth: supervised training needs generated pairs (data=synthetic); on photos a "
            "network is trained with experiments/train_stages.py stages.parser_free_warp.start=CHECKPOINT"
        )
    inputs = {name: array[0] for name, array in pair_tensors(pair).items()}
    truth = np.transpose(pair.truth, (2, 0, 1)).astype(np.float32) / 127.5 - 1
    region = pair.region[None].astype(np.float32) / 255
    arrays = {**inputs, "truth": truth, "region": region, "flow": np.transpose(pair.flow, (2, 0, 1))}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    return {**tensors, "place": torch.tensor(place)}


def mirror(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The pair seen in a mirror: every picture flipped, and the flow's x counted from the other side."""
    flipped = {name: tensor.flip(-1) if tensor.ndim else tensor for name, tensor in batch.items()}
    width = flipped["flow"].shape[-1]
    flipped["flow"][0] = width - 1 - flipped["flow"][0]
    return flipped
