"""Through which network perceptual losses look: decided by the files that are there, without loading any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vtoncompress.hub_cache import hub_checkpoints

CHOICES = ("auto", "vgg19", "shipped")
FILE_NAME = "vgg19-dcbb9e9d.pth"
"""Of torchvision's VGG-19, ImageNet; the name ends with the first 8 hex digits of the file's SHA-256."""


def find_vgg19(features: str, weights: str | None) -> Path | None:
    """The file of VGG-19's weights; None for the network that the package ships.

    Args:
        features: ``vgg19``, ``shipped``, or ``auto``: VGG-19 where its weights are given or in torch hub's cache,
            otherwise the shipped network. Nothing is ever downloaded.
        weights: path of torchvision's ``vgg19-dcbb9e9d.pth``, or None.

    Raises:
        ValueError: another choice, a file that isn't there, or one given to the shipped network.
    """
    if features not in CHOICES:
        raise ValueError(f"finetuning.perceptual.features={features}: choose one of {', '.join(CHOICES)}")
    if features == "shipped":
        if weights is not None:
            raise ValueError(
                f"finetuning.perceptual.weights={weights} belong to vgg19: drop them, or finetuning.perceptual.features"
            )
        return None
    path = hub_checkpoints() / FILE_NAME if weights is None else Path(weights)
    if path.is_file():
        return path
    if weights is None and features == "auto":
        return None
    raise ValueError(
        f"no VGG-19 weights at {path}: put torchvision's {FILE_NAME} there, or take finetuning.perceptual.features=auto"
        if weights is None
        else f"no VGG-19 weights at finetuning.perceptual.weights={path}: correct the path, or leave it out"
    )


def is_needed(weights: Mapping[str, float]) -> bool:
    """Whether a loss with these weights looks through it."""
    return any(weight and name.startswith("perceptual") for name, weight in weights.items())
