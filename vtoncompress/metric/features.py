"""Features for FID and KID where Inception's weights are not at hand: those of the network that the package ships."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vtoncompress.data.base import Image
from vtoncompress.metric.extractor import Extractor, Features
from vtoncompress.metric.feature_network import SIZE, WEIGHTS, FeatureNetwork, check_weights, load_network


def to_input(pictures: Sequence[Image]) -> Tensor:
    """(H, W, 3) uint8 each -> (N, 3, 128, 96) float32 in 0..255."""
    if len({picture.shape for picture in pictures}) > 1:
        return torch.cat([to_input([picture]) for picture in pictures])
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
        self.weights_hash = check_weights(weights)

    def __call__(self, pictures: Sequence[Image]) -> Features:
        with torch.inference_mode():
            return self._network(to_input(pictures)).double().numpy()

    @cached_property
    def _network(self) -> FeatureNetwork:
        return load_network(self.weights)
