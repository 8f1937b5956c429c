"""What a garment is: numbers for its cut, fabric and trim, and how they are drawn at random.

A garment lives in a flat frame (u, v): u to the right, v down from the base of the neck, in units of half the width of
the shoulders. The shoulder tips lie near u = +-1, the hip near v = 2.7. Sleeves are bands (t along, s across) in the
same unit.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from vtoncompress.data.synthetic.canvas import Colour, mix

ARM_LENGTH = 2.75
"""Shoulder to wrist, in half-shoulder widths."""

NECKLINES = ("round", "v", "boat", "collar")
PATTERNS = ("plain", "stripes", "checks", "dots", "gradient", "emblem", "lettering")
EMBLEMS = ("circle", "heart", "star", "blobs", "bar")
_LETTERS = "ABCDEFGHIKLMNOPRSTUVWXYZ"


@dataclass(frozen=True)
class Garment:
    """A top. Lengths are in half-shoulder widths, angles in radians, colours are RGB in 0 to 1.

    Attributes:
        sleeve: length of the sleeves along the arm, 0 (none) to ``ARM_LENGTH``.
        sleeve_angle: between a sleeve and the vertical, as the garment lies in the shop picture.
        sleeve_top, sleeve_cuff: half the width of a sleeve at the shoulder and at its end.
        chest, waist, hem: half the width of the trunk there.
        length: v of the hem at the centre; ``hem_curve`` is how much higher it is at the sides.
        strap: half the width at the shoulders of a garment without sleeves.
        neckline: one of ``NECKLINES``, with half its width and its depth.
        pattern: one of ``PATTERNS``, in colours ``base``, ``second``, ``third``; ``trim`` is that of collar and cuffs.
        period, duty, angle, phase: of the repeating patterns.
        emblem, emblem_size, words: what is printed on the chest, for the patterns that print.
        trimmed: whether collar, cuffs and hem have the colour ``trim``.
        scale, shift, rotation: place in the shop picture: relative size, (x, y) in heights, turn.
    """

    sleeve: float
    sleeve_angle: float
    sleeve_top: float
    sleeve_cuff: float
    chest: float
    waist: float
    hem: float
    length: float
    hem_curve: float
    strap: float
    neckline: str
    neck_width: float
    neck_depth: float
    pattern: str
    base: Colour
    second: Colour
    third: Colour
    trim: Colour
    period: float
    duty: float
    angle: float
    phase: float
    emblem: str
    emblem_size: float
    words: tuple[str, ...]
    trimmed: tuple[bool, bool, bool]
    scale: float
    shift: tuple[float, float]
    rotation: float


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A Python float, because a NumPy one would turn float32 arrays into float64."""
    return float(rng.uniform(low, high))


def pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    """One of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def luminance(colour: Colour) -> float:
    """Perceived brightness, 0 to 1."""
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def sample_colour(rng: np.random.Generator) -> Colour:
    """A fabric's colour: a neutral (dark, white, grey, beige) a third of the time, otherwise any hue."""
    kind, hue = uniform(rng, 0.0, 1.0), uniform(rng, 0.0, 1.0)
    saturation, value = uniform(rng, 0.0, 1.0), uniform(rng, 0.0, 1.0)
    if kind < 0.10:
        return colorsys.hsv_to_rgb(hue, 0.25 * saturation, 0.10 + 0.12 * value)
    if kind < 0.20:
        return colorsys.hsv_to_rgb(hue, 0.03 * saturation, 0.91 + 0.04 * value)
    if kind < 0.28:
        return colorsys.hsv_to_rgb(hue, 0.08 * saturation, 0.35 + 0.40 * value)
    if kind < 0.34:
        return colorsys.hsv_to_rgb(0.08 + 0.05 * hue, 0.15 + 0.25 * saturation, 0.70 + 0.2 * value)
    return colorsys.hsv_to_rgb(hue, 0.35 + 0.55 * saturation, 0.32 + 0.58 * value)


def _contrasting(rng: np.random.Generator, base: Colour) -> Colour:
    colour = sample_colour(rng)
    if abs(luminance(colour) - luminance(base)) > 0.22:
        return colour
    return mix(colour, (0.95, 0.95, 0.94) if luminance(base) < 0.5 else (0.08, 0.08, 0.12), 0.6)


def _words(rng: np.random.Generator) -> tuple[str, ...]:
    count = 1 + int(rng.integers(2))
    lengths = [3 + int(rng.integers(4)) for _ in range(count)]
    return tuple("".join(_LETTERS[int(rng.integers(len(_LETTERS)))] for _ in range(n)) for n in lengths)


def _sleeve(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Length, angle, half the width at the shoulder and at the cuff."""
    kind = pick(rng, ("none", "short", "short", "three_quarter", "long", "long"))
    top = uniform(rng, 0.31, 0.36)
    if kind == "none":
        return 0.0, uniform(rng, 0.4, 0.6), top, 0.3
    if kind == "short":
        return uniform(rng, 0.65, 1.15), uniform(rng, 0.45, 0.75), top, uniform(rng, 0.28, 0.36)
    if kind == "three_quarter":
        return uniform(rng, 1.5, 2.1), uniform(rng, 0.24, 0.4), top, uniform(rng, 0.21, 0.28)
    return uniform(rng, 2.45, ARM_LENGTH), uniform(rng, 0.18, 0.28), top, uniform(rng, 0.17, 0.23)


def _neckline(rng: np.random.Generator) -> tuple[str, float, float]:
    """Kind, half the width and the depth."""
    kind = pick(rng, ("round", "round", "v", "boat", "collar"))
    width = {"round": (0.36, 0.5), "v": (0.36, 0.5), "boat": (0.55, 0.72), "collar": (0.33, 0.37)}[kind]
    depth = {"round": (0.25, 0.55), "v": (0.6, 1.0), "boat": (0.16, 0.3), "collar": (0.25, 0.4)}[kind]
    return kind, uniform(rng, *width), uniform(rng, *depth)


def sample_garment(rng: np.random.Generator) -> Garment:
    """A garment from one stream of random numbers; only ``integers`` and ``uniform`` are drawn."""
    sleeve, sleeve_angle, top, cuff = _sleeve(rng)
    neckline, neck_width, neck_depth = _neckline(rng)
    length = uniform(rng, *((2.05, 2.35), (2.6, 2.9), (2.6, 2.9), (3.0, 3.35))[int(rng.integers(4))])
    chest = uniform(rng, 0.86, 0.96)
    waist = chest - uniform(rng, -0.02, 0.16)
    hem = waist + uniform(rng, 0.02, 0.16)
    base = sample_colour(rng)
    second = _contrasting(rng, base)
    trim = second if rng.random() < 0.6 else mix(base, (0.0, 0.0, 0.0), 0.35)
    trimmed = rng.random(3)
    return Garment(
        sleeve=sleeve, sleeve_angle=sleeve_angle, sleeve_top=top, sleeve_cuff=cuff,
        chest=chest, waist=waist, hem=hem, length=length, hem_curve=uniform(rng, 0.0, 0.12),
        strap=uniform(rng, max(0.62, neck_width + 0.14), 0.88), neckline=neckline, neck_width=neck_width,
        neck_depth=neck_depth, pattern=pick(rng, PATTERNS), base=base, second=second, third=_contrasting(rng, base),
        trim=trim, period=uniform(rng, 0.32, 0.72), duty=uniform(rng, 0.3, 0.6),
        angle=(0.0, 0.0, 1.5708, 0.6, -0.6)[int(rng.integers(5))], phase=uniform(rng, 0.0, 1.0),
        emblem=pick(rng, EMBLEMS), emblem_size=uniform(rng, 0.34, 0.5), words=_words(rng),
        trimmed=(bool(trimmed[0] < 0.4), bool(trimmed[1] < 0.35), bool(trimmed[2] < 0.15)),
        scale=uniform(rng, 0.92, 1.0), shift=(uniform(rng, -0.012, 0.012), uniform(rng, -0.015, 0.015)),
        rotation=uniform(rng, -0.04, 0.04),
    )  # fmt: skip
