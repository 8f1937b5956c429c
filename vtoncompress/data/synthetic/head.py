"""Head and hair, drawn in the head's own frame: unit half the head's height, origin at its middle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vtoncompress.data.synthetic.canvas import (
    Array,
    Window,
    blend,
    cover,
    ellipse,
    mix,
    plain,
    smooth_union,
    smoothstep,
)
from vtoncompress.data.synthetic.person import Person

EYE = (0.29, 0.02)
NOSE = (0.0, 0.30)
EAR = (0.70, 0.10)
_HAIR_LENGTH = {"short": 0.1, "bob": 0.95, "long_behind": 0.2, "long_front": 2.3, "bun": -0.1}


@dataclass(frozen=True)
class HeadFrame:
    """Place and tilt of the head, in heights of the picture."""

    x: float
    y: float
    size: float
    cosine: float
    sine: float
    turn: float

    @staticmethod
    def of(person: Person, neck: tuple[float, float]) -> HeadFrame:
        """The head sits on the neck, whose base is given in heights."""
        x, y = neck
        reach = 1.28 * person.head_size
        return HeadFrame(
            x + math.sin(person.head_tilt) * reach, y - math.cos(person.head_tilt) * reach, person.head_size,
            math.cos(person.head_tilt), math.sin(person.head_tilt), 0.13 * person.yaw,
        )  # fmt: skip

    def to_head(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Head coordinates of picture points."""
        dx, dy = (x - self.x) * (1.0 / self.size), (y - self.y) * (1.0 / self.size)
        return self.cosine * dx + self.sine * dy, self.cosine * dy - self.sine * dx

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Picture point of a feature of the face, which a turn of the head shifts."""
        x = x + self.turn
        dx, dy = self.cosine * x - self.sine * y, self.sine * x + self.cosine * y
        return self.x + dx * self.size, self.y + dy * self.size


@dataclass(frozen=True)
class Head:
    """What lies over the clothes, in a window: colour premultiplied by coverage, and the coverages of skin and hair."""

    window: Window
    colour: Array
    alpha: Array
    face: Array
    hair: Array


def _face_outline(person: Person, x: Array, y: Array) -> Array:
    width = person.face_width
    skull = ellipse(x, y, 0.0, -0.2, 0.70 * width, 0.80)
    jaw = ellipse(x, y, 0.0, 0.32, 0.53 * width * person.jaw, 0.68)
    return smooth_union(skull, jaw, 0.25)


def _features(person: Person, colour: Array, x: Array, y: Array, pixel: float) -> None:
    """Eyes, brows, nose and mouth, in place."""
    dark = mix(person.skin, (0.12, 0.04, 0.03), 0.55)
    side = np.abs(x)
    blend(
        colour,
        mix(person.skin, (0.85, 0.30, 0.25), 0.3),
        0.45 * smoothstep(-ellipse(side, y, 0.40, 0.36, 0.22, 0.18), 0.0, 0.15),
    )
    blend(colour, dark, 0.35 * cover(ellipse(side, y, EYE[0], EYE[1] - 0.03, 0.19, 0.12), pixel))
    blend(colour, (0.96, 0.95, 0.94), cover(ellipse(side, y, EYE[0], EYE[1], 0.145, 0.085), pixel))
    blend(colour, person.eyes, cover(ellipse(side, y, EYE[0], EYE[1], 0.085, 0.095), pixel))
    lash = np.abs(y - (EYE[1] - 0.09 + 1.6 * np.square(side - EYE[0]))) - 0.03
    blend(colour, (0.10, 0.07, 0.07), 0.85 * cover(np.maximum(lash, np.abs(side - EYE[0]) - 0.17), pixel))
    brow = np.abs(y - (EYE[1] - 0.26 + 1.3 * np.square(side - EYE[0] - 0.06))) - 0.035
    brow_colour = mix(person.hair, (0.15, 0.1, 0.08), 0.4)
    blend(colour, brow_colour, 0.85 * cover(np.maximum(brow, np.abs(side - EYE[0] - 0.01) - 0.19), pixel))
    blend(colour, dark, 0.30 * cover(np.maximum(np.abs(x - 0.085) - 0.03, np.abs(y - 0.17) - 0.16), 2.0 * pixel))
    blend(colour, dark, 0.55 * cover(ellipse(side, y, 0.06, 0.35, 0.055, 0.03), pixel))
    curve = 0.60 - 1.5 * person.smile * np.square(x)
    blend(colour, person.lips, cover(np.maximum(np.abs(y - curve) - 0.075 + 0.9 * np.square(x), side - 0.25), pixel))
    blend(
        colour,
        mix(person.lips, (0.15, 0.02, 0.03), 0.6),
        0.8 * cover(np.maximum(np.abs(y - curve) - 0.015, side - 0.23), pixel),
    )


def _front_hair(person: Person, x: Array, y: Array) -> Array:
    """Distance to the hair before the face: a cap above the hairline, and strands down to the style's length."""
    width = person.face_width
    cap = ellipse(x, y, 0.0, -0.24, 0.83 * width, 0.88)
    opening = ellipse(x, y, 0.09 * person.parting, 0.30, (0.62 if person.hairstyle == "bun" else 0.58) * width, 0.86)
    length = _HAIR_LENGTH[person.hairstyle]
    hair = np.maximum(cap, y - min(length, 0.2))
    if length > 0.5:
        # Strands at both sides; the longest spread towards the chest.
        middle = 0.68 * width + 0.05 * y
        strand = np.abs(np.abs(x) - middle) - 0.19 + 0.07 * smoothstep(y, 0.5 * length, length)
        strand = np.maximum(np.maximum(strand, y - length + 0.25 * np.square(np.abs(x) - middle - 0.1)), -0.3 - y)
        hair = smooth_union(hair, strand, 0.12)
    result: Array = np.maximum(hair, -opening)
    return result


def _hair_colour(person: Person, x: Array, y: Array) -> Array:
    """Strands and one soft band of light about the skull."""
    strands = 0.10 * np.sin(26.0 * x + 4.0 * y) + 0.06 * np.sin(47.0 * x - 3.0 * y)
    shine = 0.38 * np.exp(-np.square((y + 0.62 + 0.35 * np.square(x)) * 6.0)) - 0.22 * smoothstep(np.abs(x), 0.4, 1.0)
    return plain(person.hair) * (1.0 + strands + shine) + 0.05 * np.maximum(shine, 0.0)


def back_hair(person: Person, frame: HeadFrame, height: int, width: int) -> tuple[Window, Array, Array]:
    """Window, coverage and colour of the hair behind neck and shoulders."""
    window = Window.around(
        [(frame.x, frame.y), (frame.x, frame.y + 1.6 * frame.size)], 1.55 * frame.size, height, width
    )
    x, y = frame.to_head(*window.grid())
    if person.hairstyle == "bob":
        hair = np.maximum(ellipse(x, y, 0.0, 0.0, 0.88, 1.05), y - 0.95)
    elif person.hairstyle.startswith("long"):
        sides = np.abs(x) - 0.80 - 0.08 * np.sin(2.0 * y)
        hair = np.maximum(np.maximum(sides, -0.3 - y), y - 2.1 + 0.4 * x * x)
    elif person.hairstyle == "bun":
        hair = ellipse(x, y, 0.1 * person.parting, -1.16, 0.32, 0.28)
    else:
        hair = ellipse(x, y, 0.0, -0.25, 0.80, 0.75)
    pixel = 1.0 / (frame.size * height)
    return window, cover(hair, pixel), _hair_colour(person, x, y) * 0.72


def draw_head(person: Person, frame: HeadFrame, height: int, width: int) -> Head:
    """The head with what hair lies before it."""
    below = [(frame.x, frame.y + 1.35 * frame.size)] if person.hairstyle == "long_front" else []
    window = Window.around([(frame.x, frame.y), *below], 1.25 * frame.size, height, width)
    x, y = frame.to_head(*window.grid())
    pixel = 1.0 / (frame.size * height)
    outline = _face_outline(person, x, y)
    ears = ellipse(np.abs(x), y, EAR[0] * person.face_width, EAR[1], 0.10, 0.19)
    face = cover(np.minimum(outline, ears), pixel)
    light = 1.03 - 0.16 * smoothstep(outline, -0.35, 0.0) - 0.06 * x
    colour = plain(person.skin) * light
    colour *= 1.0 - 0.18 * cover(np.maximum(np.abs(outline), -ears), 2.0 * pixel)
    _features(person, colour, x - frame.turn, y, pixel)
    distance = _front_hair(person, x, y)
    # The hair's shadow on the forehead, then the hair.
    colour *= 1.0 - 0.22 * (1.0 - smoothstep(distance, 0.0, 0.16))
    hair = cover(distance, pixel)
    colour *= face
    blend(colour, _hair_colour(person, x, y), hair)
    return Head(window, colour, 1.0 - (1.0 - face) * (1.0 - hair), face * (1.0 - hair), hair)
