"""How pictures reach Inception's 299x299: the two rules that published FIDs follow, and that give other numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image as Pillow

from vtoncompress.data.base import Image

SIDE = 299
Input = NDArray[np.float32]


def like_pytorch_fid(pictures: Sequence[Image]) -> Input:
    """(H, W, 3) uint8 each -> (N, 3, 299, 299) in -1..1, bilinear without antialiasing: large pictures alias."""
    return np.concatenate([_bilinear(picture) for picture in pictures])


def like_clean_fid(pictures: Sequence[Image]) -> Input:
    """(H, W, 3) uint8 each -> (N, 3, 299, 299) in -1..1, Pillow's bicubic with antialiasing, not rounded to 8 bits.

    Parmar et al., 2022, "On Aliased Resizing and Surprising Subtleties in GAN Evaluation".
    """
    return np.stack([np.stack([_bicubic(channel) for channel in picture.transpose(2, 0, 1)]) for picture in pictures])


def _bilinear(picture: Image) -> Input:
    planes = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
    resized = F.interpolate(planes, (SIDE, SIDE), mode="bilinear", align_corners=False)
    return (2 * resized - 1).numpy()


def _bicubic(channel: Image) -> Input:
    resized = Pillow.fromarray(channel.astype(np.float32)).resize((SIDE, SIDE), Pillow.Resampling.BICUBIC)
    return (np.asarray(resized, np.float32).clip(0, 255) - np.float32(128)) / np.float32(128)


RULES: dict[str, tuple[Callable[[Sequence[Image]], Input], str]] = {
    "pytorch_fid": (like_pytorch_fid, "bilinear to 299x299 without antialiasing (pytorch-fid)"),
    "clean_fid": (like_clean_fid, "bicubic with antialiasing to 299x299 (clean-fid)"),
}
"""The choices of ``inception_resizing``: what does it, and its name in the record."""
