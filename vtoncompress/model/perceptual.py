"""Perceptual distance of pictures, for training: what an L1 on pixels blurs over (Johnson et al., ECCV 2016)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtoncompress.fingerprint import file_hash
from vtoncompress.metric.feature_network import check_weights, load_network
from vtoncompress.metric.torchvision_import import make_torchvision_importable
from vtoncompress.model.perceptual_weights import FILE_NAME, find_vgg19

VGG19_LAYERS = {"relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "relu4_1": 20, "relu5_1": 29}
"""Indices in torchvision's ``vgg19().features``."""
VGG19_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Of the layers, finest first (pix2pixHD, Wang et al., CVPR 2018), which PF-AFN's predecessors share."""


class PerceptualDistance(nn.Module):
    """Weighted sum over the layers of a frozen network of the mean absolute difference of two pictures' features.

    Gradients flow to both pictures and never to the network, whose batch norms stay in evaluation mode whatever mode
    its owner is put into.

    Args:
        features, weights: see :func:`vtoncompress.model.perceptual_weights.find_vgg19`.

    Attributes:
        origin: which network it is, its layers with their weights, and the hash of its weights, for the record.

    Raises:
        ValueError: weights that are missing or not those of the network.
    """

    def __init__(self, features: str = "auto", weights: str | None = None) -> None:
        super().__init__()
        path = find_vgg19(features, weights)
        self.network: _Vgg19 | _Shipped = _Shipped() if path is None else _Vgg19(path)
        self.origin: dict[str, Any] = {
            "network": self.network.title,
            "weights": self.network.weights_hash,
            "layers": self.network.layer_weights,
        }
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> PerceptualDistance:
        """Stays in evaluation mode."""
        return super().train(False)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) in -1..1 -> a scalar, 0 for equal ones.

        Layers whose feature map would be smaller than a pixel don't count: of the five of VGG-19 a side of 16 has all.
        """
        features = zip(self.network.layer_weights.values(), self.network(first), self.network(second), strict=False)
        return torch.stack([weight * F.l1_loss(x.float(), y.float()) for weight, x, y in features]).sum()


class _Vgg19(nn.Module):
    """torchvision's VGG-19 up to its last counted layer."""

    title = "torchvision VGG-19, ImageNet"
    layer_weights: ClassVar = dict(zip(VGG19_LAYERS, VGG19_WEIGHTS, strict=True))
    mean: Tensor
    deviation: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        digest = file_hash(path)
        if not digest.startswith(expected := Path(FILE_NAME).stem.partition("-")[2]):
            raise ValueError(f"{path} is not {FILE_NAME}: its SHA-256 begins with {digest[:8]}, not {expected}")
        self.weights_hash = digest[:16]
        self.layers = _vgg19_layers()
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.layers.load_state_dict({name: state[f"features.{name}"] for name in self.layers.state_dict()}, assign=True)
        # What ImageNet's pictures were normalised by.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        x = ((pictures + 1) / 2 - self.mean) / self.deviation
        found = []
        for index, layer in enumerate(self.layers):
            if isinstance(layer, nn.MaxPool2d) and min(x.shape[-2:]) < 2:
                break
            x = layer(x)
            if index in VGG19_LAYERS.values():
                found.append(x)
        return found


def _vgg19_layers() -> nn.Sequential:
    """Without memory and without the classifier, which alone has 124 million parameters."""
    make_torchvision_importable()
    from torchvision.models.vgg import cfgs, make_layers

    with torch.device("meta"):
        layers: Iterable[nn.Module] = make_layers(cfgs["E"])[: max(VGG19_LAYERS.values()) + 1]
    return nn.Sequential(*layers)


class _Shipped(nn.Module):
    """The layers of the network that FID and KID look through where Inception is not at hand."""

    title = "vtoncompress features"
    layer_weights: ClassVar = {"stage1": 0.5, "stage2": 1.0}

    def __init__(self) -> None:
        super().__init__()
        self.weights_hash = check_weights()
        self.network = load_network()

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return self.network.activations((pictures + 1) * 127.5)
