"""A model's own loss: which of its terms count, and through which network the perceptual ones look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vtoncompress.finetuning.weights import check_names, term_weights
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.perceptual import PerceptualDistance
from vtoncompress.model.perceptual_weights import find_vgg19, is_needed


class OwnLoss:
    """Weights of the terms, before there is a model.

    Args:
        weights: term -> factor, 0 or more; see :meth:`vtoncompress.model.base.TryOnModel.loss`.
        perceptual: ``features`` and ``weights`` of :class:`vtoncompress.model.perceptual.PerceptualDistance`, looked at
            where a term needs them.

    Raises:
        ValueError: a weight that is none, or a perceptual network that isn't there.
    """

    def __init__(self, weights: Mapping[str, Any], perceptual: Mapping[str, Any] | None = None) -> None:
        self.weights = term_weights("finetuning.loss", weights)
        self.perceptual = dict(perceptual or {})
        if unknown := self.perceptual.keys() - {"features", "weights"}:
            raise ValueError(f"finetuning.perceptual.{min(unknown)} is no option: there are features and weights")
        if is_needed(self.weights):
            find_vgg19(**{"features": "auto", "weights": None, **self.perceptual})

    def check(self, model: TryOnModel) -> None:
        """ValueError where the model has no such term."""
        check_names("finetuning.loss", self.weights, model.loss_terms)

    def distance(self) -> PerceptualDistance | None:
        """What the perceptual terms look through; None where there are none."""
        return PerceptualDistance(**self.perceptual) if is_needed(self.weights) else None
