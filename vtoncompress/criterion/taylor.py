"""How much the loss could change, to first order, if a channel's weights were zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch_pruning as tp
from torch import Tensor

from vtoncompress.criterion.base import Criterion
from vtoncompress.criterion.gradients import check_pairs, mean_over_pairs
from vtoncompress.criterion.saliency import Saliency
from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.model.base import TryOnModel

BATCH = 8


class Taylor(Criterion):
    """Molchanov et al., "Importance Estimation for Neural Network Pruning", CVPR 2019: ``|weight * gradient|``.

    The mean over batches of pairs of the sizes, not the size of the mean: near a minimum gradients of opposite signs
    cancel.

    Args:
        pairs: of the training data, in batches of 8.
        loss, perceptual: see :class:`vtoncompress.finetuning.own_loss.OwnLoss`.
    """

    def __init__(
        self, pairs: int, loss: Mapping[str, Any], perceptual: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        self.pairs, self.loss = pairs, OwnLoss(loss, perceptual)

    def check(self, data: TryOnData | None) -> None:
        """See :meth:`vtoncompress.criterion.base.Criterion.check`."""
        check_pairs("taylor", "pairs", self.pairs, data)

    def check_model(self, model: TryOnModel) -> None:
        """See :meth:`vtoncompress.criterion.base.Criterion.check_model`."""
        self.loss.check(model)

    def prepare(self, *_: Any) -> None:
        """Weights are ranked as they are."""

    def importance(self, model: TryOnModel, data: TryOnData | None) -> tp.importance.Importance:
        """See :meth:`vtoncompress.criterion.base.Criterion.importance`."""
        assert data is not None
        gradients = mean_over_pairs(model, self.loss, data, self.pairs, BATCH, Tensor.abs)
        return Saliency({weight: weight.detach().abs() * gradient for weight, gradient in gradients.items()})
