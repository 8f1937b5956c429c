"""Seeded weights in the shape of the published ones: for checks of arithmetic and speed where those are not at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn

from vtoncompress.metric.torchvision_import import make_torchvision_importable

NAME = "stand-in.pth"


def stand_in_state(seed: int = 0) -> dict[str, torch.Tensor]:
    """State of pytorch-fid's Inception with activations of about the size of a trained network's."""
    make_torchvision_importable()
    from pytorch_fid import inception

    def nothing(*_: Any, **__: Any) -> dict[str, torch.Tensor]:
        return {}

    generator = torch.Generator().manual_seed(seed)
    with (
        torch.random.fork_rng(),
        mock.patch.object(inception, "load_state_dict_from_url", nothing),
        mock.patch.object(nn.Module, "load_state_dict"),
    ):
        network = inception.fid_inception_v3()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            deviation = (2 / layer.weight[0].numel()) ** 0.5
            nn.init.normal_(layer.weight, std=deviation, generator=generator)
    return network.state_dict()


def write_stand_in(folder: Path, seed: int = 0) -> Path:
    """Save the state as pytorch-fid's file is saved; its path."""
    path = folder / NAME
    torch.save(stand_in_state(seed), path)
    return path


def write_torchscript(network: nn.Module, folder: Path) -> Path:
    """The network as the TorchScript file that clean-fid opens.

    Args:
        network: as :func:`vtoncompress.metric.inception.build_network` gives it.
        folder: where clean-fid looks for ``inception-2015-12-05.pt``.
    """
    example = torch.zeros(1, 3, 299, 299)
    with torch.no_grad():
        layers = torch.jit.trace(network, example, check_trace=False)
        whole = torch.jit.trace(_Layers(layers), example, check_trace=False)
    path = folder / "inception-2015-12-05.pt"
    whole.save(str(path))
    return path


class _Layers(nn.Module):
    """Under the name by which clean-fid calls what comes after its own resizing and normalisation."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.layers(pictures)
        return features
