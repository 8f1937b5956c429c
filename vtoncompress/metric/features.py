"""The small network shipped with the package: features for FID and KID where Inception's weights are not at hand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from vtoncompress.data.base import Image
from vtoncompress.fingerprint import file_hash
from vtoncompress.metric.extractor import Extractor, Features

WEIGHTS = Path(__file__).parent / "weights" / "features.safetensors"
SHA256 = "05ebc5e7f3d3af7f"
"""First 16 hex digits of the weights' hash. In the code, so that other weights are other code to the store."""
SIZE = (128, 96)
CHANNELS = (16, 32)
GRID = (4, 3)
TORSO = (0.27, 0.80, 0.20, 0.80)
"""Top, bottom, left and right of the window that is looked at, as shares of height and width: where a top is worn."""
DIMENSION = 64


def stage(channels_in: int, channels_out: int, kernel: int, stride: int) -> nn.Sequential:
    """Convolution, batch norm and ReLU: (N, channels_in, H, W) -> (N, channels_out, H / stride, W / stride)."""
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU())


class FeatureNetwork(nn.Module):
    """The first two layers of a network trained to say what a person wears, pooled over the torso and whitened.

    The first layers, because the last ones keep only what their labels ask for and miss a blurred sleeve or a bent
    stripe. Beside them the pixels' own detail, because training taught the layers to overlook noise. Means over the
    cells of a grid, because that keeps where things are. The torso, because the rest of a picture says little about a
    garment. Whitened on undamaged training pictures, because otherwise the many colours of clothes hide every rarer
    deviation. docs/metrics.md has the measurements behind each choice.
    """

    centre: Tensor
    projection: Tensor

    def __init__(self) -> None:
        super().__init__()
        pooled = (sum(CHANNELS) + 3) * GRID[0] * GRID[1]
        self.stages = nn.ModuleList([stage(3, CHANNELS[0], 5, 2), stage(CHANNELS[0], CHANNELS[1], 3, 1)])
        self.register_buffer("centre", torch.zeros(pooled))
        self.register_buffer("projection", torch.zeros(pooled, DIMENSION))

    def activations(self, pictures: Tensor) -> list[Tensor]:
        """(N, 3, 128, 96) in 0..255 -> (N, 16, 64, 48) and (N, 32, 64, 48)."""
        x = pictures / 127.5 - 1
        found = []
        for one in self.stages:
            x = one(x)
            found.append(x)
        return found

    def pool(self, pictures: Tensor) -> Tensor:
        """(N, 3, 128, 96) in 0..255 -> (N, 612): the mean of each channel in each cell of the torso's 4x3 grid."""
        return torch.cat([_grid_means(x) for x in [*self.activations(pictures), _detail(pictures)]], 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, 128, 96) in 0..255 -> (N, 64)."""
        features: Tensor = (self.pool(pictures) - self.centre) @ self.projection
        return features


def _detail(pictures: Tensor) -> Tensor:
    """(N, 3, 128, 96) -> the same shape: how far each pixel is from the mean of the 3x3 around it."""
    return (pictures - F.avg_pool2d(F.pad(pictures, [1] * 4, mode="reflect"), 3, 1)).abs()


def _grid_means(x: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    top, bottom, left, right = (
        round(share * n) for share, n in zip(TORSO, (height, height, width, width), strict=True)
    )
    return F.adaptive_avg_pool2d(x[..., top:bottom, left:right], GRID).flatten(1)


def to_input(pictures: Sequence[Image]) -> Tensor:
    """(H, W, 3) uint8 each, of one size -> (N, 3, 128, 96) float32 in 0..255."""
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
    if images.shape[-2:] == SIZE:
        return images
    return F.interpolate(images, SIZE, mode="bilinear", antialias=True)


class Shipped(Extractor):
    """:class:`FeatureNetwork` with the package's weights; trained by ``experiments/train_features.py``.

    Args:
        weights: their file.

    Raises:
        ValueError: not the file that belongs to this version.
    """

    name = "vtoncompress features 64"
    suffix = "_shipped"
    resizing = "bilinear with antialiasing to 128x96"

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self.weights = weights
        self.weights_hash = file_hash(weights)[:16] if weights.is_file() else ""
        if self.weights_hash != SHA256:
            raise ValueError(f"{weights} is not the file that this version ships: install vtoncompress again")

    def __call__(self, pictures: Sequence[Image]) -> Features:
        with torch.inference_mode():
            return self._network(to_input(pictures)).double().numpy()

    @cached_property
    def _network(self) -> FeatureNetwork:
        network = FeatureNetwork()
        network.load_state_dict(load_file(self.weights))
        return network.eval()
