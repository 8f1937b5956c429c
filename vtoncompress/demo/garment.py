"""Which part of the garment's photo is the garment: what the visitor painted, or what is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vtoncompress.data.base import Image
from vtoncompress.garment_mask import find_garment
from vtoncompress.image import resize

CANVAS = 512
"""Longest side of the picture to paint on, in pixels."""
PAINTED = 128


def canvas_of(garment: Image) -> Image:
    """The garment, small enough to be painted on."""
    height, width = garment.shape[:2]
    scale = min(1.0, CANVAS / max(height, width))
    return resize(garment, (max(1, round(height * scale)), max(1, round(width * scale))))


def mask_of(garment: Image, painted: Mapping[str, Any] | None) -> Image:
    """(H, W) uint8, 255 inside the garment.

    Args:
        garment: (H, W, 3) uint8.
        painted: layers of (h, w, 4) uint8 over the canvas; where all are clear the garment is found.

    Raises:
        ValueError: nothing was painted and no garment is found.
    """
    layers = [
        layer for layer in (painted or {}).get("layers", ()) if layer is not None and (layer[..., 3] > PAINTED).any()
    ]
    if not layers:
        return find_garment(garment)
    shape = layers[0].shape[:2]
    covered = np.zeros(shape, bool)
    for layer in layers:
        covered |= layer[..., 3] > PAINTED
    mask: Image = covered.astype(np.uint8) * np.uint8(255)
    return resize(mask, (garment.shape[0], garment.shape[1]))
