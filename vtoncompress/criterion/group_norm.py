"""Norms of channels after a training that has made the small ones smaller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn

from vtoncompress.criterion.base import Criterion
from vtoncompress.criterion.gradients import check_pairs
from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.batch_norm import reestimate
from vtoncompress.finetuning.first_phase import FirstPhase
from vtoncompress.finetuning.loop import TrainingLoop
from vtoncompress.finetuning.objective import Objective
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.finetuning.pairs import TrainingPairs
from vtoncompress.finetuning.schedule import Schedule
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.groups import Group

EMPHASIS = 4.0


class GroupNorm(Criterion):
    """Fang et al., "DepGraph", CVPR 2023, section 3.3: sparse training of whole groups, then their L2 norms.

    The penalty of a channel k is ``strength / 2 * 2^(4 (max - n_k) / (max - min)) * n_k^2``, with ``n_k`` its norm over
    all tied layers, inputs too: the smaller a channel, the more it is drawn to zero.

    Args:
        samples: pairs of the training before the first channels go; 0 takes the norms as they are.
        batch_size, learning_rate, mixed_precision, workers: see :class:`vtoncompress.finetuning.loop.TrainingLoop`.
        strength: of the penalty beside the model's own loss.
        loss, perceptual: see :class:`vtoncompress.finetuning.own_loss.OwnLoss`.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        learning_rate: float,
        mixed_precision: str,
        workers: int,
        strength: float,
        loss: Mapping[str, Any],
        perceptual: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if strength < 0:
            raise ValueError(f"criterion.strength={strength}: use 0 or more")
        if batch_size < 2:
            raise ValueError(f"criterion.batch_size={batch_size}: a batch needs 2 pairs or more (batch norm)")
        if not learning_rate > 0:
            raise ValueError(f"criterion.learning_rate={learning_rate}: use more than 0")
        if samples < 0 or 0 < samples < batch_size:
            raise ValueError(f"criterion.samples={samples}: use {batch_size} (a batch) or more, or 0 for no training")
        self.strength, self.loss = strength, OwnLoss(loss, perceptual)
        self.loop = samples and TrainingLoop(
            samples=samples,
            batch_size=batch_size,
            learning_rate=learning_rate,
            schedule=Schedule("cosine", warmup=10, decay=0.5),
            first_phase=FirstPhase.of(None),
            clip=1.0,
            mixed_precision=mixed_precision,
            workers=workers,
            checkpoint_every=50,
            batch_norm_pairs=0,
            accumulation=1,
            processes=1,
        )

    def check(self, data: TryOnData | None) -> None:
        """See :meth:`vtoncompress.criterion.base.Criterion.check`."""
        if self.loop:
            check_pairs("group_norm", "samples", self.loop.samples, data)

    def check_model(self, model: TryOnModel) -> None:
        """See :meth:`vtoncompress.criterion.base.Criterion.check_model`."""
        self.loss.check(model)

    def prepare(self, model: TryOnModel, groups: Sequence[Group], data: TryOnData | None, folder: Path | None) -> None:
        """See :meth:`vtoncompress.criterion.base.Criterion.prepare`."""
        if self.loop:
            assert data is not None
            assert folder is not None
            self.loop.run(_Sparse(model, self.loss, groups, self.strength), data, folder / "sparse")

    def importance(self, *_: Any) -> tp.importance.Importance:
        """See :meth:`vtoncompress.criterion.base.Criterion.importance`."""
        return tp.importance.GroupMagnitudeImportance(p=2, group_reduction="mean", normalizer="mean")


class _Sparse(Objective):
    """A model's own loss, and the size of its groups."""

    model: TryOnModel

    def __init__(self, model: TryOnModel, loss: OwnLoss, groups: Sequence[Group], strength: float) -> None:
        super().__init__()
        self.model, self.groups, self.strength = model, groups, strength
        self.weights, self.perceptual = loss.weights, loss.distance()
        self.record: dict[str, Any] = {}
        self.settings = {"loss": loss.weights, "strength": strength}

    def samples(self, data: TryOnData, start: int, stop: int) -> TrainingPairs:
        """Pairs, every other one mirrored."""
        return TrainingPairs(data, start, stop)

    def reestimate(self, data: TryOnData, count: int) -> None:
        """See :func:`vtoncompress.finetuning.batch_norm.reestimate`."""
        reestimate(self.model, data, count)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        own = self.model.losses(batch, self.weights, self.perceptual)
        return {**own, "sparsity": self.strength * group_sparsity(self.groups)}


def group_sparsity(groups: Sequence[Group]) -> Tensor:
    """The sum over all channels of the penalty of :class:`GroupNorm`, over ``strength``."""
    total = torch.zeros((), device=groups[0].tied[0].dep.layer.weight.device)
    for group in groups:
        squares = squared_norms(group)
        norms = squares.detach().sqrt()
        spread = (norms.max() - norms.min()).clamp_min(1e-12)
        total = total + (2 ** (EMPHASIS * (norms.max() - norms) / spread) * squares).sum() / 2
    return total


def squared_norms(group: Group) -> Tensor:
    """The sum of squares of all weights of each channel, over the tied layers, (channels,)."""
    total = torch.zeros(group.channels, device=group.tied[0].dep.layer.weight.device)
    for item in group.tied:
        layer, handler = item.dep.layer, item.dep.pruning_fn
        if isinstance(layer, nn.Conv2d | nn.Linear):
            gives = handler in (tp.prune_conv_out_channels, tp.prune_linear_out_channels)
            weight = layer.weight if gives else layer.weight.transpose(0, 1)
        elif isinstance(layer, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
            weight = layer.weight[:, None]
        else:
            continue
        squares = weight[item.idxs].square().flatten(1).sum(1)
        total = total.index_add(0, torch.tensor(item.root_idxs, device=squares.device), squares)
    return total
