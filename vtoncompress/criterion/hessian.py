"""How much the loss would change, to second order, if a channel's weights were zero."""

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


class Hessian(Criterion):
    """LeCun et al., "Optimal Brain Damage", NIPS 1989: ``weight^2 * h / 2`` with ``h`` on the Hessian's diagonal.

    ``h`` is the empirical Fisher information, the mean of squared gradients of single pairs.

    Args:
        pairs: of the training data, one backward pass each.
        loss, perceptual: see :class:`vtoncompress.finetuning.own_loss.OwnLoss`.
    """

    def __init__(
        self, pairs: int, loss: Mapping[str, Any], perceptual: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        self.pairs, self.loss = pairs, OwnLoss(loss, perceptual)

    def check(self, data: TryOnData | None) -> None:
        """See :meth:`vtoncompress.criterion.base.Criterion.check`."""
        check_pairs("hessian", "pairs", self.pairs, data)

    def check_model(self, model: TryOnModel) -> None:
        """See :meth:`vtoncompress.criterion.base.Criterion.check_model`."""
        self.loss.check(model)

    def prepare(self, *_: Any) -> None:
        """Weights are ranked as they are."""

    def importance(self, model: TryOnModel, data: TryOnData | None) -> tp.importance.Importance:
        """See :meth:`vtoncompress.criterion.base.Criterion.importance`."""
        assert data is not None
        fisher = mean_over_pairs(model, self.loss, data, self.pairs, 1, Tensor.square)
        return Saliency({weight: weight.detach().square() * h / 2 for weight, h in fisher.items()})
