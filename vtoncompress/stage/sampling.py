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
