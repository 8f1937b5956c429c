"""Structural similarity as a map, from which both whole-picture and garment SSIM are averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from vtoncompress.metric.base import Batch

SIGMA = 1.5
RADIUS = 5
RANGE = 255.0


def _blur(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = gaussian_filter(planes, SIGMA, mode="mirror", radius=RADIUS, axes=(0, 1))
    return result


def ssim_map(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """SSIM around every pixel, mean of red, green and blue (Wang et al., 2004).

    Gaussian window of 11 pixels and sigma 1.5, range 255, k 0.01 and 0.03, mirrored borders: torchmetrics' defaults
    and its numbers, at a tenth of its time, because the window is applied one axis at a time.

    Args:
        first, second: (H, W, 3) uint8.

    Returns:
        (H, W) in -1..1.
    """
    x, y = first.astype(np.float64), second.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    variance = np.maximum(_blur(x * x) - mean_x**2, 0) + np.maximum(_blur(y * y) - mean_y**2, 0)
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance + c2)
    result: NDArray[np.float64] = (light * structure).mean(-1)
    return result


def truth_ssim(batch: Batch, index: int) -> NDArray[np.float64]:
    """(H, W) SSIM map of one prediction against the truth of its pair, which has one; computed once a batch."""
    key = f"ssim_map/{index}"
    if key not in batch.features:
        truth = batch.pairs[index].truth
        assert truth is not None, "a pair without a truth has no SSIM"
        batch.features[key] = ssim_map(batch.predictions[index].image, truth)
    return batch.features[key]
