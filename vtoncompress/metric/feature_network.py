"""The small network shipped with the package, and its weights."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from vtoncompress.fingerprint import file_hash

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


def check_weights(weights: Path = WEIGHTS) -> str:
    """First 16 hex digits of the hash of the weights' file. ValueError: not the file that belongs to this version."""
    digest = file_hash(weights)[:16] if weights.is_file() else ""
    if digest != SHA256:
        raise ValueError(f"{weights} is not the file that this version ships: install vtoncompress again")
    return digest


def load_network(weights: Path = WEIGHTS) -> FeatureNetwork:
    """The network with its weights, in evaluation mode. Draws no random number."""
    with torch.device("meta"):
        network = FeatureNetwork()
    network.load_state_dict(load_file(weights), assign=True)
    return network.eval()
