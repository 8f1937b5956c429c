"""The shape of a garment in its flat frame: where there is fabric, as signed distances."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vtoncompress.data.synthetic.canvas import Array, ellipse, smoothstep
from vtoncompress.data.synthetic.garment import Garment

PIVOT = (0.80, 0.53)
"""Where an arm and its sleeve leave the trunk: (|u|, v)."""

SHOULDER_SLOPE = 0.40


def shoulder_line(u: Array, v: Array) -> Array:
    """Distance above the line of the shoulders, that of body and garment alike."""
    result: Array = (SHOULDER_SLOPE * np.abs(u) - 0.14 - v) * 0.93
    return result


def half_width(garment: Garment, v: Array) -> Array:
    """Half the width of the trunk at v."""
    to_waist = smoothstep(v, 0.7, 1.75) * (garment.waist - garment.chest)
    result: Array = garment.chest + to_waist + smoothstep(v, 1.7, 2.9) * (garment.hem - garment.waist)
    return result


def neck_hole(garment: Garment, u: Array, v: Array) -> Array:
    """Distance to the opening at the neck."""
    width, depth = garment.neck_width, garment.neck_depth
    if garment.neckline == "v":
        result: Array = (np.abs(u) * depth + v * width - width * depth) / math.hypot(width, depth)
        return result
    if garment.neckline == "collar":
        return ellipse(u, v, 0.0, -0.42 - 0.4 * depth, width, 0.22)
    return ellipse(u, v, 0.0, -0.05, width, depth + 0.05)


@dataclass(frozen=True)
class Trunk:
    """Distances over points of the trunk: to its outline, to the neck's opening, and below the hem."""

    outline: Array
    neck: Array
    hem: Array


def trunk(garment: Garment, u: Array, v: Array) -> Trunk:
    """The front of the trunk at the points (u, v)."""
    size = np.abs(u)
    top = shoulder_line(u, v)
    if garment.neckline == "collar":
        # A stand of fabric about the neck, above the line of the shoulders.
        stand = np.maximum(size - garment.neck_width, -0.12 - garment.neck_depth * 0.7 - v)
        top = np.minimum(top, np.maximum(stand, v - 0.4))
    neck = neck_hole(garment, u, v)
    hem = v - (garment.length - garment.hem_curve * u * u)
    side = size - half_width(garment, v)
    if garment.sleeve == 0.0:
        armhole = garment.strap + smoothstep(v, 0.45, 1.05) * (garment.chest + 0.06 - garment.strap)
        side = np.maximum(side, size - armhole)
    outline = np.maximum(np.maximum(side, top), np.maximum(-neck, hem))
    return Trunk(outline, neck, hem)


def sleeve_half_width(garment: Garment, t: Array) -> Array:
    """Half the width of a sleeve at t along it."""
    # A long sleeve narrows towards the wrist whatever its own length, as the arm does.
    share = np.clip(t * (1.0 / garment.sleeve), 0.0, 1.0)
    result: Array = garment.sleeve_top + (garment.sleeve_cuff - garment.sleeve_top) * share
    return result


def sleeve(garment: Garment, t: Array, s: Array) -> Array:
    """Distance to a sleeve's outline; it begins with a round cap at the pivot."""
    across = np.sqrt(s * s + np.square(np.minimum(t, 0.0))) - sleeve_half_width(garment, t)
    result: Array = np.maximum(across, t - garment.sleeve)
    return result


def sleeve_to_flat(garment: Garment, side: int, t: Array, s: Array) -> tuple[Array, Array]:
    """Where a sleeve's (t, s) lies in the flat frame; s is positive on the outer edge, ``side``, -1 or 1, is u's."""
    sine, cosine = math.sin(garment.sleeve_angle), math.cos(garment.sleeve_angle)
    return side * (PIVOT[0] + sine * t + cosine * s), PIVOT[1] + cosine * t - sine * s


def flat_to_sleeve(garment: Garment, side: int, u: Array, v: Array) -> tuple[Array, Array]:
    """The inverse of ``sleeve_to_flat``."""
    sine, cosine = math.sin(garment.sleeve_angle), math.cos(garment.sleeve_angle)
    du, dv = side * u - PIVOT[0], v - PIVOT[1]
    return sine * du + cosine * dv, cosine * du - sine * dv


def join(t: Array) -> Array:
    """How much (0 to 1) a point at t along an arm belongs to the sleeve rather than to the trunk."""
    return smoothstep(t, -0.12, 0.5)
