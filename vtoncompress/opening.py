"""Whatever a user has, a deployed folder, a checkpoint or published weights, opened for try-on calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress.deployment import open_deployment
from vtoncompress.try_on import TryOn


def open_try_on(
    deployment: str | None = None,
    checkpoint: str | None = None,
    model: Mapping[str, Any] | None = None,
    threads: int | None = None,
    cache: str | None = None,
    devices: Mapping[str, str] | None = None,
    size: Sequence[int] | None = None,
) -> TryOn:
    """Open the first of the three that is given; only the last two need torch.

    Args:
        deployment: folder that ``experiments/export.py`` wrote.
        checkpoint: checkpoint folder, or the name of weights that come with the package.
        model: a config of the group ``model``: its checkpoint or its published files.
        threads: CPU threads; None for the runtime's own choice.
        cache, devices, size: of a deployment, see :func:`vtoncompress.deployment.open_deployment`.

    Raises:
        ValueError: two were given, or what was given can't be opened, or has no trained weights.
    """
    if deployment is not None and checkpoint is not None:
        raise ValueError("deployment and checkpoint are both given: give one of them")
    if deployment is not None:
        return open_deployment(deployment, threads, None if cache is None else Path(cache), devices, size)
    if cache is not None or devices or size is not None:
        raise ValueError("cache, devices and size are of a deployment: give deployment=FOLDER, or leave them out")
    from vtoncompress import checkpoint as checkpoints
    from vtoncompress.export.torch import TorchRuntime
    from vtoncompress.shipped import checkpoint_folder

    if checkpoint is not None:
        network = checkpoints.load(checkpoint_folder(checkpoint))
    elif model is not None:
        network = _open_model(model)
    else:
        raise ValueError("nothing to open: give deployment=FOLDER or checkpoint=FOLDER")
    return TryOn(TorchRuntime(network, threads), network.size)


def _open_model(model: Mapping[str, Any]) -> Any:
    from vtoncompress.model.base import StepwiseModel
    from vtoncompress.stage.model import open_model

    files = {part: file for part, file in (model.get("official") or {}).items() if part != "_target_"}
    options = " ".join(f"model.official.{part}=FILE" for part in files) or "model.checkpoint=FOLDER"
    missing = ValueError(f"model={model['name']} has no trained weights: add {options}")
    if model["checkpoint"] is None and not any(files.values()):
        raise missing
    sampling = instantiate(model["sampling"]) if model.get("sampling") else None  # a mistake in it is told first
    network, origin = open_model({**model, "seed": 0})
    if origin.startswith("random"):
        raise missing
    if isinstance(network, StepwiseModel) and sampling is not None:
        network.set_sampling(sampling)
    return network
