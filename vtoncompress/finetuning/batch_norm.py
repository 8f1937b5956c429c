"""Batch-norm statistics of a network whose weights have just changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, Dataset

from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.pairs import TrainingPairs
from vtoncompress.model.base import TryOnModel
from vtoncompress.progress import tracked

PIXELS = 64 * 128 * 96
"""Of the pictures in a batch. The deepest features of a 128x96 picture are a few pixels: statistics of 16 such pictures
cost a pruned network .016 to .035 of garment SSIM against those of 64 or 256, and the dense one .009
(docs/training.md)."""
LEAST = 16
"""Pictures in a batch, however large they are."""


def reestimate(model: TryOnModel, data: TryOnData, pairs: int) -> None:
    """Replace every batch norm's moving averages by the plain average over the first ``pairs`` pairs, in place.

    Moving averages lag behind weights that were pruned, or that a high learning rate moves. Nothing for 0 pairs.
    """

    def call(batch: Mapping[str, Tensor]) -> None:
        model(*(batch[name] for name in model.inputs))

    average_statistics(model, call, TrainingPairs(data, 0, pairs), model.size)


def average_statistics(
    part: nn.Module,
    call: Callable[[dict[str, Tensor]], object],
    samples: Dataset[dict[str, Tensor]],
    size: tuple[int, int],
) -> None:
    """The same for the batch norms of ``part``, a network or a part of one, over calls that it takes part in.

    Args:
        part: whose averages are replaced.
        call: takes a batch.
        samples: all of them count.
        size: height and width of the samples' pictures, by which a batch is as large as is needed and fits.
    """
    if len(samples) == 0:  # type: ignore[arg-type]
        return
    training = part.training
    batches = DataLoader(samples, max(LEAST, PIXELS // (size[0] * size[1])))
    update_bn(tracked("batches of batch norms", batches), _Call(part, call))
    part.train(training)


class _Call(nn.Module):
    """The call on a batch, with the batch norms that are meant as its only ones."""

    def __init__(self, part: nn.Module, call: Callable[[dict[str, Tensor]], object]) -> None:
        super().__init__()
        self.part, self.call = part, call

    def forward(self, batch: Mapping[str, Tensor]) -> None:
        device = next(self.part.parameters()).device
        self.call({name: tensor.to(device) for name, tensor in batch.items()})
