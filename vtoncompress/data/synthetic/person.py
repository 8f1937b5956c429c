"""What a person is: numbers for build, pose, face, hair and the lower clothes, and how they are drawn at random."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from vtoncompress.data.synthetic.canvas import Colour, mix
from vtoncompress.data.synthetic.garment import pick, sample_colour, uniform

HAIRSTYLES = ("short", "bob", "long_behind", "long_front", "bun")
BOTTOMS = ("trousers", "jeans", "skirt", "shorts")
_SKIN = (
    (0.97, 0.84, 0.75), (0.93, 0.77, 0.65), (0.84, 0.66, 0.52),
    (0.70, 0.50, 0.37), (0.52, 0.35, 0.25), (0.38, 0.25, 0.18),
)  # fmt: skip
_HAIR = (
    (0.09, 0.07, 0.07), (0.20, 0.13, 0.09), (0.35, 0.22, 0.13),
    (0.55, 0.36, 0.18), (0.78, 0.62, 0.36), (0.45, 0.18, 0.10),
)  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """Angles of upper arm and forearm from straight down, positive away from the body, in radians."""

    upper: float
    fore: float


@dataclass(frozen=True)
class Person:
    """A person. Lengths without a unit are in half-shoulder widths, places in heights of the picture.

    Attributes:
        unit: half the width of the shoulders, in heights.
        stretch: length of the trunk relative to the average.
        neck: (x, y) of the base of the neck, in heights.
        lean, bend: slope and curvature of the spine's line; ``tilt``, ``hip_tilt``: slope of shoulders and hips.
        yaw: turn to the side, -1 to 1.
        waist, hip: half the width of the body there.
        arms: the right one (on the left of the picture) and the left one.
        arm_width: thickness of the arms, about 1.
        head_size: half the height of the head, in heights; ``head_tilt`` in radians; ``face_width``, ``jaw`` about 1.
        eyes, lips: colours; ``smile``: -1 to 1.
        hairstyle: one of ``HAIRSTYLES``, with colour ``hair`` and the parting's side, -1 to 1.
        bottom: one of ``BOTTOMS``, with its colour, the v of its waist, its flare or leg width, and a belt or none.
        background: colour at the top; ``background_fade``: how much darker it is at the bottom.
    """

    unit: float
    stretch: float
    neck: tuple[float, float]
    lean: float
    bend: float
    tilt: float
    hip_tilt: float
    yaw: float
    waist: float
    hip: float
    arms: tuple[Arm, Arm]
    arm_width: float
    head_size: float
    head_tilt: float
    face_width: float
    jaw: float
    skin: Colour
    eyes: Colour
    lips: Colour
    smile: float
    hairstyle: str
    hair: Colour
    parting: float
    bottom: str
    bottom_colour: Colour
    bottom_top: float
    bottom_width: float
    belt: bool
    background: Colour
    background_fade: float


def _arm(rng: np.random.Generator) -> Arm:
    pose = pick(rng, ("beside", "beside", "beside", "akimbo", "front", "bent"))
    upper, fore = {
        "beside": ((0.08, 0.34), (-0.08, 0.22)),
        "akimbo": ((0.60, 0.88), (-0.85, -0.60)),
        "front": ((0.12, 0.40), (-1.75, -1.15)),
        "bent": ((0.22, 0.46), (-0.55, -0.20)),
    }[pose]
    return Arm(uniform(rng, *upper), uniform(rng, *fore))


def _bottom_colour(rng: np.random.Generator, bottom: str) -> Colour:
    if bottom == "jeans":
        return mix((0.13, 0.17, 0.30), (0.52, 0.63, 0.78), uniform(rng, 0.0, 1.0))
    if rng.random() < 0.4:
        return mix((0.08, 0.08, 0.10), (0.25, 0.25, 0.28), uniform(rng, 0.0, 1.0))
    return mix(sample_colour(rng), (0.45, 0.43, 0.42), 0.3)


def sample_person(rng: np.random.Generator) -> Person:
    """A person from one stream of random numbers; only ``integers``, ``random`` and ``uniform`` are drawn."""
    unit = uniform(rng, 0.140, 0.157)
    tone = uniform(rng, 0.0, len(_SKIN) - 1.001)
    skin = mix(_SKIN[int(tone)], _SKIN[int(tone) + 1], tone % 1.0)
    bottom = pick(rng, BOTTOMS)
    hip = uniform(rng, 0.78, 0.92)
    tint = colorsys.hsv_to_rgb(uniform(rng, 0.0, 1.0), uniform(rng, 0.0, 0.05), uniform(rng, 0.88, 0.97))
    return Person(
        unit=unit, stretch=uniform(rng, 0.95, 1.05), neck=(uniform(rng, 0.35, 0.40), uniform(rng, 0.30, 0.33)),
        lean=uniform(rng, -0.05, 0.05), bend=uniform(rng, -0.02, 0.02), tilt=uniform(rng, -0.09, 0.09),
        hip_tilt=uniform(rng, -0.09, 0.09), yaw=uniform(rng, -1.0, 1.0), waist=uniform(rng, 0.60, 0.76), hip=hip,
        arms=(_arm(rng), _arm(rng)), arm_width=uniform(rng, 0.88, 1.08),
        head_size=unit * uniform(rng, 0.64, 0.70), head_tilt=uniform(rng, -0.12, 0.12),
        face_width=uniform(rng, 0.92, 1.06), jaw=uniform(rng, 0.9, 1.1), skin=skin,
        eyes=mix((0.20, 0.12, 0.07), (0.30, 0.42, 0.48), uniform(rng, 0.0, 1.0)),
        lips=mix(mix(skin, (0.55, 0.15, 0.18), 0.45), (0.72, 0.12, 0.2), uniform(rng, 0.0, 0.5)),
        smile=uniform(rng, 0.2, 1.1), hairstyle=pick(rng, HAIRSTYLES),
        hair=mix(_HAIR[int(rng.integers(len(_HAIR)))], (0.2, 0.15, 0.12), uniform(rng, 0.0, 0.3)),
        parting=uniform(rng, -1.0, 1.0), bottom=bottom, bottom_colour=_bottom_colour(rng, bottom),
        bottom_top=uniform(rng, 2.15, 2.5), bottom_width=uniform(rng, 0.0, 1.0), belt=bool(rng.random() < 0.3),
        background=tint, background_fade=uniform(rng, 0.0, 0.07),
    )  # fmt: skip
