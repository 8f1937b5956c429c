"""The in-shop picture: a garment laid flat on white."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vtoncompress.data.base import Image
from vtoncompress.data.synthetic.canvas import Array, Window, blend, cover, ellipse, mix, smoothstep, to_bytes
from vtoncompress.data.synthetic.cut import PIVOT, flat_to_sleeve, half_width, shoulder_line
from vtoncompress.data.synthetic.garment import Garment
from vtoncompress.data.synthetic.layer import sleeve_layer, trunk_layer


@dataclass(frozen=True)
class Placement:
    """Where the flat frame lies in the shop picture, whose coordinates are in heights."""

    scale: float
    cosine: float
    sine: float
    x: float
    y: float

    @staticmethod
    def of(garment: Garment) -> Placement:
        """The largest at which the garment fits the 3:4 frame, a little less by the garment's own jitter."""
        sine, cosine = math.sin(garment.sleeve_angle), math.cos(garment.sleeve_angle)
        wide = max(PIVOT[0] + sine * garment.sleeve + cosine * garment.sleeve_cuff, 1.16, garment.hem)
        low = max(garment.length, PIVOT[1] + cosine * garment.sleeve + sine * garment.sleeve_cuff)
        high = -0.5 if garment.neckline == "collar" else -0.1
        scale = garment.scale * min(0.90 / (low - high), 0.66 / (2.0 * wide), 0.235)
        return Placement(
            scale, math.cos(garment.rotation), math.sin(garment.rotation),
            0.375 + garment.shift[0], 0.5 + garment.shift[1] - 0.5 * scale * (low + high),
        )  # fmt: skip

    def to_flat(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Flat (u, v) of picture points."""
        dx, dy = (x - self.x) * (1.0 / self.scale), (y - self.y) * (1.0 / self.scale)
        return self.cosine * dx + self.sine * dy, self.cosine * dy - self.sine * dx

    def to_pixels(self, u: Array, v: Array, height: int) -> Array:
        """(h, w, 2) pixel coordinates (x, y) of flat points, pixel centres at whole numbers."""
        factor = self.scale * height
        x = (self.cosine * u - self.sine * v) * factor + (self.x * height - 0.5)
        y = (self.sine * u + self.cosine * v) * factor + (self.y * height - 0.5)
        return np.stack((x, y), -1)


def draw_garment(garment: Garment, height: int, width: int) -> tuple[Image, Image]:
    """The shop picture, (H, W, 3) uint8, and its mask, (H, W) uint8, 255 inside; the neck's lining belongs to both."""
    place = Placement.of(garment)
    pixel = 1.0 / (place.scale * height)
    window = Window(slice(0, height), slice(0, width), height)
    u, v = place.to_flat(*window.grid())
    picture = np.ones((3, height, width), np.float32)
    size = np.abs(u)

    # The back of the garment seen through the neck: its lining, shaded towards the front.
    back = np.maximum(shoulder_line(u, v), -ellipse(u, v, 0.0, -0.1, garment.neck_width, 0.22))
    inside = np.maximum(np.maximum(back, size - 0.92), v - 1.4)
    lining = mix(mix(garment.base, (0.5, 0.5, 0.5), 0.15), (0.0, 0.0, 0.0), 0.34)
    if garment.sleeve == 0.0:
        inside = np.maximum(inside, size - garment.strap)
    mask = cover(inside, pixel)
    blend(picture, lining, mask)

    # A picture on a hanger is lit evenly; a little roundness and two long soft folds make it cloth.
    share = size / half_width(garment, v)
    light = 1.0 - 0.09 * np.minimum(share, 1.2) ** 2 + 0.025 * np.sin(5.0 * u + 1.2 * v) * smoothstep(v, 0.8, 2.4)
    colour, alpha = trunk_layer(garment, u, v, pixel)
    blend(picture, colour * light, alpha)
    mask = np.maximum(mask, alpha)
    if garment.sleeve > 0.0:
        for side in (-1, 1):
            half = Window(window.rows, slice(0, width // 2) if side < 0 else slice(width // 2, width), height)
            hu, hv = half.of(u), half.of(v)
            t, s = flat_to_sleeve(garment, side, hu, hv)
            colour, alpha = sleeve_layer(garment, t, s, hu, hv, pixel)
            blend(half.of(picture), colour * (0.97 - 0.5 * s * s), alpha)
            np.maximum(half.of(mask), alpha, out=half.of(mask))
    return to_bytes(picture), to_bytes(mask)
