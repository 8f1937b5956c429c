"""The rows that frame every table on generated data: two that anyone can have for nothing, and what none can pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data.base import Image, Pair
from vtoncompress.image import background_colour
from vtoncompress.metric.base import Prediction
from vtoncompress.metric.garment import INSIDE

"""As in :mod:`vtoncompress.metric.garment`: a pixel belongs to the garment if its share (0 to 255) is above this."""
TORSO_SCALE, TORSO_TOP = 0.75, 0.27
"""The pasted garment's scale, and how far below the crown its top lies, for a person as high as the picture.

The best of a grid by garment SSIM on 100 training pairs, so that the row is as strong as a guess can be.
"""
BACKGROUND_TOLERANCE = 24
"""Of 255: shading of a plain background stays below it."""
WHOLE_PICTURE = ("fid", "fid_shipped", "kid", "kid_std", "kid_shipped", "kid_shipped_std", "ssim", "psnr")


@dataclass(frozen=True)
class Reference:
    """One row.

    Attributes:
        name: its variant name.
        predict: what it answers to a pair; None where that takes the network too.
        role: ``reference`` or ``oracle``.
        needs: attributes that a pair must have (not None); where one is missing the row can't be made.
        missing: columns that would be computed but mean nothing, and why; to be taken out of what the metrics found.
    """

    name: str
    predict: Callable[[Pair], Prediction] | None
    role: Literal["reference", "oracle"] = "reference"
    needs: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)


def unchanged(pair: Pair) -> Prediction:
    """The person as photographed: perfect in all that FID and KID look at, wrong in the garment. It has no flow."""
    return Prediction(pair.person)


def pasted(pair: Pair) -> Prediction:
    """The in-shop garment, scaled and laid on the torso. Hair and arms are covered, the old garment shows beside it.

    It knows what a real system knows, the two pictures: the torso's place is guessed from the person's silhouette, by
    ``TORSO_SCALE`` and ``TORSO_TOP``. Fitted to the true region's bounding box instead, which no system has, it reaches
    0.494 garment SSIM rather than 0.390 on the first 200 test pairs. Its flow is the scaling.
    """
    height, width = pair.person.shape[:2]
    head, centre = _find_person(pair.person)
    left, right, top, _ = _box(pair.garment_mask)
    scale = TORSO_SCALE * (height - head) / height
    # Edges and means of edges are half a pixel from a pixel's centre.
    x = (np.arange(width) + 0.5 - centre) / scale + (left + right) / 2 - 0.5
    y = (np.arange(height) + 0.5 - head - TORSO_TOP * (height - head)) / scale + top - 0.5
    flow = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1).astype(np.float32)
    within = ((flow >= 0) & (flow <= (width - 1, height - 1))).all(-1, keepdims=True)
    share = sample(pair.garment_mask[..., None], flow) / 255 * within
    return Prediction(_blend(sample(pair.garment, flow), pair.person, share), flow)


def oracle(pair: Pair) -> Prediction:
    """The in-shop garment sampled bilinearly at the true flow: what perfect warping gives before any shading.

    Outside the garment's region it shows the truth's own pixels, so only the garment columns say anything.
    """
    assert pair.truth is not None, "the oracle needs the truth"
    assert pair.region is not None, "the oracle needs the region"
    assert pair.flow is not None, "the oracle needs the true flow"
    share = pair.region[..., None] / 255
    return Prediction(_blend(sample(pair.garment, pair.flow), pair.truth, share), pair.flow)


REFERENCES = (
    Reference("unchanged", unchanged),
    Reference("pasted", pasted),
    Reference(
        "oracle",
        oracle,
        role="oracle",
        needs=("truth", "region", "flow"),
        missing=dict.fromkeys(WHOLE_PICTURE, "outside the garment the oracle shows the truth itself"),
    ),
)

CEILING = Reference("ceiling", None, role="oracle", needs=("truth",))
"""The truth through the autoencoder of a network that paints latents: no latents give a better picture."""


def sample(picture: Image, flow: NDArray[np.float32]) -> NDArray[np.float64]:
    """``picture`` (H, W, C) uint8 read bilinearly at ``flow`` (h, w, 2), (x, y) with pixel centres at whole numbers.

    Outside the picture its border is repeated.

    Returns:
        (h, w, C) in 0..255.
    """
    height, width = picture.shape[:2]
    x = np.clip(flow[..., 0].astype(np.float64), 0, width - 1)
    y = np.clip(flow[..., 1].astype(np.float64), 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    dx, dy = (x - left)[..., None], (y - top)[..., None]
    upper = picture[top, left] * (1 - dx) + picture[top, left + 1] * dx
    lower = picture[top + 1, left] * (1 - dx) + picture[top + 1, left + 1] * dx
    result: NDArray[np.float64] = upper * (1 - dy) + lower * dy
    return result


def _find_person(picture: Image) -> tuple[int, float]:
    """Row of the crown and column of the middle of a person before a plain background, in pixels from the edge."""
    distance = np.abs(picture.astype(np.int16) - background_colour(picture)).max(-1)
    silhouette = distance > BACKGROUND_TOLERANCE
    rows = np.flatnonzero(silhouette.mean(1) > 0.02)
    if not len(rows):
        return 0, picture.shape[1] / 2
    return int(rows[0]), float(np.median(np.nonzero(silhouette)[1])) + 0.5


def _box(mask: Image) -> tuple[int, int, int, int]:
    """Left, right, top and bottom edge of what is inside; the whole picture where nothing is."""
    columns, rows = np.flatnonzero((mask > INSIDE).any(0)), np.flatnonzero((mask > INSIDE).any(1))
    if not len(columns):
        return 0, mask.shape[1], 0, mask.shape[0]
    return int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1


def _blend(front: NDArray[np.float64], back: Image, share: NDArray[np.float64]) -> Image:
    """``front`` laid over ``back`` (H, W, 3), ``share`` (H, W, 1) in 0..1 of it."""
    result: Image = np.clip(np.rint(front * share + back * (1 - share)), 0, 255).astype(np.uint8)
    return result
