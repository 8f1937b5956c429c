"""Antialiased drawing with signed distances on float32 arrays.

Coordinates are in units of the picture's height, x to the right and y down, so a drawing is the same at every size.
A distance is negative inside a shape. A picture is planar, (3, H, W), red, green and blue in 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""float32 throughout; NumPy's stubs take float32 times a Python float for a wider type, so the width is left open."""

Colour = tuple[float, float, float]
Value = TypeVar("Value", bound=np.generic)


def smoothstep(x: Array, low: float, high: float) -> Array:
    """0 below ``low``, 1 above ``high``, a cubic with flat ends between."""
    # In place: this is called some hundred times a pair.
    t = x - low
    t *= 1.0 / (high - low)
    np.minimum(np.maximum(t, 0.0, out=t), 1.0, out=t)
    result: Array = t * t
    t *= -2.0
    t += 3.0
    result *= t
    return result


def cover(distance: Array, pixel: float) -> Array:
    """Share (0 to 1) of a pixel inside a shape, ``pixel`` being its side in the units of ``distance``."""
    result: Array = distance * (-1.0 / pixel)
    result += 0.5
    return np.minimum(np.maximum(result, 0.0, out=result), 1.0, out=result)


def smooth_union(a: Array, b: Array, radius: float) -> Array:
    """Distance to the union of two shapes whose inner corner is rounded over ``radius``."""
    h = np.maximum(radius - np.abs(a - b), 0.0)
    result: Array = np.minimum(a, b) - h * h * (0.25 / radius)
    return result


def ellipse(x: Array, y: Array, cx: float, cy: float, rx: float, ry: float) -> Array:
    """Approximate distance to an ellipse, exact on its outline."""
    px, py = (x - cx) * (1.0 / rx), (y - cy) * (1.0 / ry)
    result: Array = (np.sqrt(px * px + py * py) - 1.0) * min(rx, ry)
    return result


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """``a`` with ``share`` (0 to 1) of ``b`` in it."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def plain(colour: Colour) -> Array:
    """A colour as (3, 1, 1), ready to broadcast over a picture."""
    return np.array(colour, np.float32).reshape(3, 1, 1)


def blend(picture: Array, colour: Array | Colour, alpha: Array) -> None:
    """Lay a colour over (3, h, w) ``picture`` in place, with (h, w) ``alpha``."""
    over = plain(colour) if isinstance(colour, tuple) else colour
    change = over - picture
    change *= alpha
    picture += change


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels of a picture of height ``size``: drawing only where a shape can be saves most time."""

    rows: slice
    cols: slice
    size: int

    @staticmethod
    def around(points: list[tuple[float, float]], margin: float, height: int, width: int) -> Window:
        """The smallest window that holds all points (x, y) and ``margin`` about them, never empty."""
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        top = min(max(int((min(ys) - margin) * height), 0), height - 1)
        left = min(max(int((min(xs) - margin) * height), 0), width - 1)
        bottom = min(max(int((max(ys) + margin) * height) + 2, top + 1), height)
        right = min(max(int((max(xs) + margin) * height) + 2, left + 1), width)
        return Window(slice(top, bottom), slice(left, right), height)

    def grid(self) -> tuple[Array, Array]:
        """x as (1, w) and y as (h, 1) of the pixel centres, in units of the height."""
        x = (np.arange(self.cols.start, self.cols.stop, dtype=np.float32) + 0.5) / self.size
        y = (np.arange(self.rows.start, self.rows.stop, dtype=np.float32) + 0.5) / self.size
        return x[None, :].astype(np.float32), y[:, None].astype(np.float32)

    def of(self, picture: NDArray[Value]) -> NDArray[Value]:
        """The view of a whole picture, (..., H, W), that this window shows."""
        return picture[..., self.rows, self.cols]


def to_bytes(picture: Array) -> NDArray[np.uint8]:
    """(3, H, W) in 0 to 1, or (H, W), as (H, W, 3) or (H, W) uint8."""
    scaled = (np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(scaled, 0, -1)) if picture.ndim == 3 else scaled
