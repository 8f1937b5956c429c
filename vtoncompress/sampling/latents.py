"""What CatVTON's network is shown: person above, garment below, in one picture of latents."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from vtoncompress.sampling.base import Array

EDGE = 1 / 128
"""Deviation of the blur of a mask's edge, as a share of the picture's height."""


def hide(person: Array, agnostic_mask: Array) -> Array:
    """Person (N, 3, H, W) in -1..1, grey where the mask (N, 1, H, W) in 0..1 is 0.5 or more."""
    return person * (agnostic_mask < 0.5).astype(np.float32)


def condition(person: Array, garment: Array, agnostic_mask: Array) -> Array:
    """What stays the same over all steps, for the network with and without the garment.

    Args:
        person: (N, C, h, w), latents of the person with the mask's inside hidden.
        garment: (N, C, h, w), latents of the garment.
        agnostic_mask: (N, 1, H, W) in 0..1, of the pictures' own size, 1 where the person is painted anew.

    Returns:
        (2N, 1 + C, 2h, w): first the N without their garment, whose latents are 0 there, then those with it. Channel 0
        is the mask, its nearest pixel to each latent, and 0 on the garment's half.
    """
    sizes = zip(person.shape[2:], agnostic_mask.shape[2:], strict=True)
    rows, columns = (np.arange(side) * of // side for side, of in sizes)
    mask = (agnostic_mask[..., rows[:, None], columns] >= 0.5).astype(np.float32)
    mask = np.concatenate([mask, np.zeros_like(mask)], 2)
    without, shown = (np.concatenate([person, below], 2) for below in (np.zeros_like(garment), garment))
    return np.concatenate([np.concatenate([mask, picture], 1) for picture in (without, shown)])


def lay_over(person: Array, image: Array, agnostic_mask: Array) -> Array:
    """The person outside the mask, unchanged, and the image inside; over a soft edge within the mask they mix.

    Args:
        person, image: (N, 3, H, W) in -1..1.
        agnostic_mask: (N, 1, H, W) in 0..1.
    """
    inside = (agnostic_mask >= 0.5).astype(np.float32)
    blurred = ndimage.gaussian_filter(inside, (0, 0, *(EDGE * inside.shape[2],) * 2))
    weight = inside * np.clip(2 * blurred - 1, 0, 1)
    return (person + weight * (image - person)).astype(np.float32, copy=False)


def upper_half(latents: Array) -> Array:
    """The person's half (N, C, h, w) of (N, C, 2h, w)."""
    return latents[:, :, : latents.shape[2] // 2]
