"""Gradients of a network's loss over some training pairs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.finetuning.pairs import training_tensors
from vtoncompress.model.base import TryOnModel
from vtoncompress.progress import tracked


def check_pairs(criterion: str, option: str, pairs: int, data: TryOnData | None) -> None:
    """ValueError unless ``data`` has ``pairs`` pairs, 1 or more, with a truth that a loss can be computed from.

    Args:
        criterion, option: as the command line names them.
        pairs: the option's value.
        data: training pairs.
    """
    if pairs < 1:
        raise ValueError(
            f"criterion.{option}={pairs}: criterion={criterion} ranks channels by gradients and needs pairs to compute "
            "them on: use 1 or more"
        )
    if data is None:
        raise ValueError(
            f"criterion={criterion} computes gradients and needs training_data, which is null: leave training_data "
            "out, name a data set, or take a criterion of the weights alone (magnitude_l2)"
        )
    if len(data) < pairs:
        raise ValueError(f"criterion.{option}={pairs}, but the training data has {len(data)}: use {len(data)} or fewer")
    if data[0].truth is None:
        raise ValueError(
            f"criterion={criterion} computes gradients of the training loss and needs pairs with a truth, which the "
            "training data lacks: take generated pairs, or a criterion of the weights alone (magnitude_l2)"
        )


def mean_over_pairs(
    model: TryOnModel, loss: OwnLoss, data: TryOnData, pairs: int, batch: int, of: Callable[[Tensor], Tensor]
) -> dict[nn.Parameter, Tensor]:
    """The mean, over the first ``pairs`` pairs in batches of ``batch``, of ``of`` of each parameter's gradient.

    The network stays in evaluation mode: its batch norms use and keep their statistics. In float32.
    """
    model.eval()
    device = next(model.parameters()).device
    perceptual = loss.distance()
    total = {parameter: torch.zeros_like(parameter) for parameter in model.parameters()}
    for start in tracked("batches of gradients", range(0, pairs, batch)):
        singles = [training_tensors(data[index], index) for index in range(start, min(start + batch, pairs))]
        tensors = {name: tensor.to(device) for name, tensor in default_collate(singles).items()}
        model.zero_grad()
        torch.stack([*model.losses(tensors, loss.weights, perceptual).values()]).sum().backward()
        for parameter, kept in total.items():
            if parameter.grad is not None:
                kept += of(parameter.grad) * len(singles)
    model.zero_grad()
    return {parameter: kept / pairs for parameter, kept in total.items()}
