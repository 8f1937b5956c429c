"""Whole blocks left out: those without which the training loss rises least, or those that are named.

After Kim et al., "BK-SDM: A Lightweight, Fast, and Cheap Version of Stable Diffusion", ECCV 2024, who choose blocks by
what leaving them out costs; each is measured alone there and here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import default_collate

from vtoncompress.criterion.base import Criterion
from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.finetuning.pairs import training_tensors
from vtoncompress.model.base import TryOnModel
from vtoncompress.progress import tracked
from vtoncompress.pruning.base import Pruning, Recovery
from vtoncompress.pruning.budget import ROUNDING
from vtoncompress.pruning.ratio import Ratios, Share, within


class Blocks(Pruning):
    """Args:
    ratio: share of the scope's blocks to leave out, more than 0 and less than 1; rounded up to whole ones.
    blocks: places of those that are left out instead, in the order in which they run, from 0.
    pairs: training pairs on which the loss is measured.
    loss, perceptual: see :class:`vtoncompress.finetuning.own_loss.OwnLoss`.

    Raises:
        ValueError: an option out of range.
    """

    ranks_channels = False  # so that a criterion means nothing beside it

    def __init__(
        self,
        ratio: Share,
        blocks: Sequence[int] | None,
        pairs: int,
        loss: Mapping[str, Any],
        perceptual: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        self.ratio, self.blocks = Ratios(ratio).common, None if blocks is None else [*blocks]
        if pairs < 1:
            raise ValueError(f"pruning.pairs={pairs}: use 1 or more")
        self.pairs, self.loss = pairs, OwnLoss(loss, perceptual)

    def check(self, model: TryOnModel, scope: Sequence[str]) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.check`."""
        names = _blocks(model, scope)
        if self.blocks is None:
            self.loss.check(model)
            return
        if unknown := [place for place in self.blocks if place not in range(len(names))]:
            raise ValueError(f"pruning.blocks has {unknown[0]}: the scope has blocks 0 to {len(names) - 1}")
        if len(set(self.blocks)) != self._count(names):
            # Rounded up, a share with two decimals may be one block more.
            share = math.floor(len(set(self.blocks)) / len(names) * 1000) / 1000
            raise ValueError(
                f"pruning.blocks={self.blocks} is another number than the {self._count(names)} of {len(names)} blocks "
                f"that pruning.ratio={self.ratio} is: set pruning.ratio={share:g}"
            )

    def check_data(self, data: TryOnData | None) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.check_data`."""
        if self.blocks is not None:
            return
        if data is None or len(data) < self.pairs or data[0].truth is None:
            raise ValueError(
                f"pruning=blocks measures the training loss on pruning.pairs={self.pairs} training pairs with a truth, "
                "which the training data has not: take generated pairs, fewer of them, or name pruning.blocks"
            )

    def prune(
        self,
        model: TryOnModel,
        scope: Sequence[str],
        criterion: Criterion | None,
        data: TryOnData | None = None,
        folder: Path | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.prune`; no criterion has a part in it."""
        self.check(model, scope)
        names = _blocks(model, scope)
        if self.blocks is not None:
            model.remove_blocks([names[place] for place in sorted(set(self.blocks))])
            return
        self.check_data(data)
        assert data is not None
        model.eval()
        losses = {name: self._loss(model, data, name) for name in tracked("blocks left out", names)}
        model.remove_blocks(sorted(names, key=losses.__getitem__)[: self._count(names)])

    def _count(self, names: Sequence[str]) -> int:
        """How many go: at least one, and one stays."""
        return min(max(1, math.ceil(len(names) * self.ratio - ROUNDING)), len(names) - 1)

    @torch.no_grad()
    def _loss(self, model: TryOnModel, data: TryOnData, block: str) -> float:
        """The mean over pairs without ``block``, each pair with the same noise for every block."""
        distance, total, left_out = self.loss.distance(), 0.0, model.get_submodule(block)
        model.remove_blocks([block])
        for index in range(self.pairs):
            batch = default_collate([training_tensors(data[index], index)])
            total += float(torch.stack([*model.losses(batch, self.loss.weights, distance).values()]).sum())
        model.set_submodule(block, left_out)
        return total / self.pairs


def _blocks(model: TryOnModel, scope: Sequence[str]) -> list[str]:
    if not (known := model.blocks()):
        raise ValueError(
            f"pruning=blocks leaves out transformer blocks, and {type(model).__name__} has none: use pruning=one_shot"
        )
    names = [name for name in known if any(within(name, part) for part in scope)]
    if len(names) < 2:
        raise ValueError(
            f"scope ({', '.join(scope)}) holds {len(names)} of the {len(known)} transformer blocks: pruning=blocks "
            "needs two or more, as in scope=unet"
        )
    return names
