"""Batch-norm statistics of a network whose weights have just changed."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader

from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.pairs import TrainingPairs
from vtoncompress.model.base import TryOnModel

BATCH = 16


def reestimate(model: TryOnModel, data: TryOnData, pairs: int) -> None:
    """Replace every batch norm's moving averages by the plain average over the first ``pairs`` pairs, in place.

    Moving averages lag behind weights that were pruned, or that a high learning rate moves. Nothing for 0 pairs.
    """
    if pairs == 0:
        return
    training = model.training
    update_bn(DataLoader(TrainingPairs(data, 0, pairs), BATCH), _Call(model))
    model.train(training)


class _Call(nn.Module):
    """The try-on call on a batch."""

    def __init__(self, model: TryOnModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Mapping[str, Tensor]) -> None:
        device = next(self.model.parameters()).device
        self.model(*(batch[name].to(device) for name in ("person", "garment", "garment_mask")))
