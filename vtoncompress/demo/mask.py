"""Which part of a photo counts: what the visitor painted, or what is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vtoncompress.data.base import Image
from vtoncompress.garment_mask import find_garment
from vtoncompress.image import resize
from vtoncompress.masking.agnostic import check_agnostic
from vtoncompress.masking.base import Masker

CANVAS = 512
"""Longest side of the picture to paint on, in pixels."""
PAINTED = 128
NO_GARMENT = "No garment is found on a plain background: paint the garment's mask, or send another photo."
NO_PERSON = (
    "No place for the garment is found on this person: paint the person's mask, or send a whole person on a plain \
background."
)

Painted = Mapping[str, Any] | None
"""A visitor's editor: ``layers`` of (h, w, 4) uint8 over the canvas; all clear where nothing was painted."""


def canvas_of(photo: Image) -> Image:
    """The photo, small enough to be painted on."""
    height, width = photo.shape[:2]
    scale = min(1.0, CANVAS / max(height, width))
    return resize(photo, (max(1, round(height * scale)), max(1, round(width * scale))))


def garment_mask(garment: Image, painted: Painted) -> Image:
    """(H, W) uint8, 255 inside the garment of a photo (H, W, 3) uint8.

    Raises:
        ValueError: nothing was painted and no garment is found.
    """
    mask = _mask(garment, painted)
    if mask is not None:
        return mask
    try:
        return find_garment(garment)
    except ValueError as error:  # it names options that no visitor has
        raise ValueError(NO_GARMENT) from error


def person_mask(person: Image, painted: Painted, masker: Masker) -> Image:
    """(H, W) uint8, 255 where the person of a photo (H, W, 3) uint8 is painted anew.

    Raises:
        ValueError: nothing was painted and the masker finds nothing, or everything was painted.
    """
    mask = _mask(person, painted)
    if mask is None:
        try:
            mask = masker(person)
            check_agnostic(mask, person)
        except ValueError as error:
            raise ValueError(NO_PERSON) from error
    if (mask >= PAINTED).all():
        raise ValueError("The person's mask covers the whole photo, so that nobody is left: paint the clothes only.")
    return mask


def _mask(photo: Image, painted: Painted) -> Image | None:
    """What was painted, in the photo's own pixels; None where nothing was."""
    layers = [
        layer for layer in (painted or {}).get("layers", ()) if layer is not None and (layer[..., 3] > PAINTED).any()
    ]
    if not layers:
        return None
    covered = np.zeros(layers[0].shape[:2], bool)
    for layer in layers:
        covered |= layer[..., 3] > PAINTED
    mask: Image = covered.astype(np.uint8) * np.uint8(255)
    return resize(mask, (photo.shape[0], photo.shape[1]))
