"""Whatever a user has, a deployed folder, a checkpoint or published weights, opened for try-on calls."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate

from vtoncompress.deployment import open_deployment, read_manifest
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.try_on import TryOn

if TYPE_CHECKING:  # a deployment opens without torch
    from vtoncompress.model.base import TryOnModel
    from vtoncompress.sampling.base import Sampling

MASKS = {
    "mask": "garment_mask",
    "foreground": "garment_mask",
    "person_mask": "agnostic_mask",
    "masking": "agnostic_mask",
}
"""Options of a call -> the network's input that they are for."""


def open_try_on(
    deployment: str | None = None,
    checkpoint: str | None = None,
    model: Mapping[str, Any] | None = None,
    threads: int | None = None,
    cache: str | None = None,
    devices: Mapping[str, str] | None = None,
    size: Sequence[int] | None = None,
    overrides: Sequence[str] = (),
) -> TryOn:
    """Open the first of the three that is given; only the last two need torch.

    Args:
        deployment: folder that ``experiments/export.py`` wrote.
        checkpoint: checkpoint folder, or the name of weights that come with the package.
        model: a config of the group ``model``: its checkpoint or its published files. A checkpoint is opened with its
            sampler.
        threads: CPU threads; None for the runtime's own choice.
        cache, devices, size: of a deployment, see :func:`vtoncompress.deployment.open_deployment`.
        overrides: what the user wrote, such as ``model.sampling.steps=8``, so that nothing of it is ignored.

    Raises:
        ValueError: two were given, or what was given can't be opened, or has no trained weights, or an override is of
            something else.
    """
    if deployment is not None and checkpoint is not None:
        raise ValueError("deployment and checkpoint are both given: give one of them")
    for override in overrides:
        _check_used(override, deployment, checkpoint)
    masks = [override for override in overrides if _option(override)[0] in MASKS and not override.endswith("=null")]
    if deployment is not None:
        if masks and (inputs := read_manifest(Path(deployment)).inputs):  # sooner than the network is open
            check_masks(inputs, masks)
        return open_deployment(deployment, threads, None if cache is None else Path(cache), devices, size)
    if cache is not None or devices or size is not None:
        raise ValueError("cache, devices and size are of a deployment: give deployment=FOLDER, or leave them out")
    from vtoncompress import checkpoint as checkpoints
    from vtoncompress.export.torch import TorchRuntime
    from vtoncompress.shipped import checkpoint_folder

    # A mistake in it is told first.
    sampling = instantiate(model["sampling"]) if model is not None and model.get("sampling") else None
    if checkpoint is not None:
        network = checkpoints.load(checkpoint_folder(checkpoint))
        check_masks(network.inputs, masks)
    elif model is not None:
        network = _open_model(model, sampling, masks)
    else:
        raise ValueError("nothing to open: give deployment=FOLDER or checkpoint=FOLDER")
    _set_sampling(network, sampling)
    return TryOn(TorchRuntime(network, threads), network.size)


def sampler_options(
    steps: int | None = None, guidance: float | None = None, seed: int | None = None
) -> dict[str, float]:
    """Those that are given, for :meth:`vtoncompress.try_on.TryOn.with_sampler`. ValueError for one out of range."""
    for name, number in (("steps", steps), ("seed", seed)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            raise ValueError(f"{name}={number}: use a whole number")
    if guidance is not None and (isinstance(guidance, bool | str) or not math.isfinite(guidance)):
        raise ValueError(f"guidance={guidance}: use a number, 0 or more")
    given = {"steps": steps, "guidance": guidance, "seed": seed}
    options = {name: number for name, number in given.items() if number is not None}
    DDIM(**options)  # type: ignore[arg-type]  # their ranges are every sampler's
    return options


def check_masks(inputs: Collection[str], given: Sequence[str]) -> None:
    """ValueError for a mask, or a way to make one, that a network of these ``inputs`` does not look at.

    Args:
        given: options of :data:`MASKS`, as ``person_mask=FILE``.
    """
    for override in given:
        option = _option(override)[0]
        if MASKS[option] not in inputs:
            taken = " and ".join(name for name in ("mask", "person_mask") if MASKS[name] in inputs) or "no mask"
            raise ValueError(f"{override}: this network does not look at it, it takes {taken}: leave {option} out")


def _option(override: str) -> list[str]:
    """``+model.sampling.steps=8`` -> its name, part by part."""
    return re.split("[.@]", override.lstrip("+~").partition("=")[0])


def _check_used(override: str, deployment: str | None, checkpoint: str | None) -> None:
    """ValueError for an option of a model that is not the opened one."""
    group, *further = _option(override)
    if deployment is not None and group in ("model", "sampling"):
        raise ValueError(
            f"{override}: deployment={deployment} brings its own model and sampler: leave it out; steps, "
            "guidance and seed change its sampler"
        )
    if checkpoint is not None and group == "model" and further[:1] != ["sampling"]:
        raise ValueError(
            f"{override}: checkpoint={checkpoint} brings its own network: leave it out, or give "
            f"model.checkpoint={checkpoint} instead of checkpoint"
        )


def _open_model(model: Mapping[str, Any], sampling: Sampling | None, masks: Sequence[str]) -> TryOnModel:
    import torch

    from vtoncompress.stage.model import open_model

    files = {part: file for part, file in (model.get("official") or {}).items() if part != "_target_"}
    options = " ".join(f"model.official.{part}=FILE" for part in files) or "model.checkpoint=FOLDER"
    missing = ValueError(f"model={model['name']} has no trained weights: add {options}")
    if model["checkpoint"] is None and not any(files.values()):
        raise missing
    with torch.device("meta"):  # what can't be built or painted with is told before weights are read
        _set_sampling(untrained := instantiate(model["network"]), sampling)
    check_masks(untrained.inputs, masks)
    network, origin = open_model({**model, "seed": 0})
    if origin.startswith("random"):
        raise missing
    return network


def _set_sampling(network: TryOnModel, sampling: Sampling | None) -> None:
    from vtoncompress.model.base import StepwiseModel

    if sampling is None:
        return
    if not isinstance(network, StepwiseModel):
        raise ValueError("sampling is for networks that paint in steps, and this one does not: leave sampling out")
    network.set_sampling(sampling)
