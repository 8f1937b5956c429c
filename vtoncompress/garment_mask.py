"""The mask of an in-shop garment photographed on a plain background, for users who have none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vtoncompress.data.base import Image
from vtoncompress.image import resize

WORKING_SIDE = 512  # px: outlines do not get better beyond, only slower
FAINTEST = 5.0  # of 255: what differs less from the background may be its JPEG noise
FAINTEST_SLOPE = 0.4  # of 255 a pixel
HALO = 0.08  # of an outline's contrast: JPEG's ripples and the soft shadow beside it
HALO_RADIUS = 8  # px: a JPEG block
EDGE_RADIUS = 2  # px over which an antialiased outline spreads
PLAIN_SHARE = 0.4  # of the border that must be one background
SMALLEST_SHARE = 0.01  # of the picture: a garment is larger

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def find_garment(picture: Image) -> Image:
    """The garment's mask (H, W) uint8, 255 inside, its holes filled, from the photo (H, W, 3) uint8.

    The background, light or dark, is a colour that may change linearly across the picture; it is read from the border.
    A garment in the background's very colour is found by its outline, as far as one is visible. What the outline
    encloses, a closed gap between sleeve and body included, counts as garment.

    Raises:
        ValueError: nothing stands out, or the border is not one background.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, WORKING_SIDE / max(height, width))
    small = resize(picture, (max(1, round(height * scale)), max(1, round(width * scale))))
    mask = _segment(small.astype(np.float32))
    return resize(np.where(mask, np.uint8(255), np.uint8(0)), (height, width))


def _segment(picture: Floats) -> Mask:
    background, border = _fit_background(picture)
    contrast, slope = np.abs(picture - background).max(2), _slope(picture)
    # Four fifths of a normal noise lie within 1.6 sigma, also where white clips half of it.
    noise = float(np.quantile(contrast[border], 0.8)) / 1.6
    mask = _solid(_stands_out(contrast, max(FAINTEST, 4 * noise)))
    outlined = _solid(_closed(slope > max(FAINTEST_SLOPE, 2 * float(np.quantile(slope[border], 0.9)))))
    if mask.sum() < outlined.sum() / 2:  # only parts of it differ in colour from the background
        mask = outlined
    if mask.mean() < SMALLEST_SHARE:
        raise ValueError("no garment stands out from the background: give its mask as well, or another photo")
    return mask


def _fit_background(picture: Floats) -> tuple[Floats, Mask]:
    """Background (H, W, 3), linear, and the border it was fitted to, less what of a garment touches it."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y], 2)
    band = max(1, round(0.015 * min(height, width)))
    border = np.ones((height, width), bool)
    border[band:-band, band:-band] = False
    colours, positions = picture[border], terms[border]
    error = np.abs(colours - np.median(colours, 0)).max(1)
    for tolerance in (60, 30, 20):
        near = error < tolerance
        if near.mean() < PLAIN_SHARE:
            raise ValueError(
                "the garment is not on a plain background: give its mask as well, another photo, or use "
                "foreground=rembg"
            )
        plane = np.linalg.lstsq(positions[near], colours[near], rcond=None)[0]
        error = np.abs(colours - positions @ plane).max(1)
    border[border] = error < tolerance
    return terms @ plane, border


def _slope(picture: Floats) -> Floats:
    """The steepest change of any colour, of 255 a pixel, smoothed against noise."""
    smooth = ndimage.gaussian_filter(picture, (1, 1, 0))
    slope: Floats = np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1)).max(2) / 8
    return slope


def _stands_out(contrast: Floats, faintest: float) -> Mask:
    """Where the contrast is above noise, less the halo beside outlines and their soft outer half."""
    halo = contrast < HALO * ndimage.maximum_filter(contrast, size=2 * HALO_RADIUS + 1)
    soft = contrast < ndimage.maximum_filter(contrast, size=2 * EDGE_RADIUS + 1) / 2
    ground = _spread(contrast <= faintest, halo, HALO_RADIUS)
    return ~_spread(ground, soft, EDGE_RADIUS)


def _spread(ground: Mask, into: Mask, distance: int) -> Mask:
    """``ground`` and what of ``into`` is connected to it within ``distance`` pixels."""
    return ndimage.binary_dilation(ground, mask=ground | into, iterations=distance)


def _closed(outlines: Mask) -> Mask:
    """Outlines without their gaps; the margin keeps the picture's end from counting as one."""
    margin = 8
    return ndimage.binary_closing(np.pad(outlines, margin), iterations=4)[margin:-margin, margin:-margin]


def _solid(mask: Mask) -> Mask:
    """Holes filled, specks and hairs removed: only parts of a size worth wearing stay."""
    labels, _ = ndimage.label(ndimage.binary_opening(ndimage.binary_fill_holes(mask)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    worth: Mask = (sizes > 0) & (sizes >= 0.1 * sizes.max())
    return worth[labels]
