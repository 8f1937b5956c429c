"""The two layers of a garment, trunk and sleeve, as colour and coverage, for the shop picture and the worn garment."""

from __future__ import annotations

import numpy as np

from vtoncompress.data.synthetic.canvas import Array, cover, smoothstep
from vtoncompress.data.synthetic.cut import join, sleeve, trunk
from vtoncompress.data.synthetic.fabric import fabric, trim
from vtoncompress.data.synthetic.garment import Garment


def _darken_outline(colour: Array, outline: Array) -> None:
    colour *= 1.0 - 0.22 * smoothstep(outline, -0.08, 0.0)


def trunk_layer(garment: Garment, u: Array, v: Array, pixel: float) -> tuple[Array, Array]:
    """(3, h, w) colour and (h, w) coverage of the trunk at flat points; ``pixel`` is a pixel's side in their unit."""
    distance = trunk(garment, u, v)
    colour = fabric(garment, u, v, pixel)
    trim(garment, colour, (distance.neck, None, -distance.hem), pixel)
    _darken_outline(colour, distance.outline)
    return colour, cover(distance.outline, pixel)


def sleeve_layer(garment: Garment, t: Array, s: Array, u: Array, v: Array, pixel: float) -> tuple[Array, Array]:
    """The same of a sleeve, at points (t, s) along and across it whose flat points are (u, v)."""
    outline = sleeve(garment, t, s)
    colour = fabric(garment, u, v, pixel)
    trim(garment, colour, (None, garment.sleeve - t, None), pixel)
    # Where the sleeve grows out of the trunk it has no outline.
    _darken_outline(colour, outline - 0.1 * (1.0 - join(t)))
    alpha = cover(outline, pixel)
    if garment.neckline == "boat":
        # A neck this wide may reach the sleeve's cap.
        alpha = np.minimum(alpha, cover(-trunk(garment, u, v).neck, pixel))
    return colour, alpha
