"""A checkpoint with the sampler that the variant asks for, which no checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.model.base import StepwiseModel, TryOnModel


def load_sampled(folder: Path, config: Mapping[str, Any]) -> TryOnModel:
    """The network in ``folder``, its pictures made by ``config["sampling"]`` where there is such a thing."""
    model = checkpoint.load(folder)
    if isinstance(model, StepwiseModel) and config.get("sampling"):
        model.set_sampling(instantiate(config["sampling"]))
    return model


def load_baseline(folder: Path, config: Mapping[str, Any]) -> TryOnModel:
    """The network in ``folder`` as a variant is held against it.

    Its sampler is ``config["baseline_sampling"]`` where that is given, or else the variant's own without what saves
    time within its steps.
    """
    if config.get("baseline_sampling"):
        return load_sampled(folder, {"sampling": config["baseline_sampling"]})
    model = load_sampled(folder, config)
    if isinstance(model, StepwiseModel):
        model.set_sampling(model.sampling.plain())
    return model
