"""Coordinates on a person: (a, b) over trunk and legs, (t, s) along and across an arm that bends in a smooth arc.

All are in half-shoulder widths. (a, b) is the flat frame of the garments wrapped about the person: a across the body
from its middle line, b down from the base of the neck. t runs from the shoulder (0) to the wrist and on into the hand;
s is positive on the arm's outer side. Every map is continuous, so that what is worn deforms without tears.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vtoncompress.data.synthetic.canvas import Array, smoothstep
from vtoncompress.data.synthetic.garment import ARM_LENGTH
from vtoncompress.data.synthetic.person import Arm, Person

HAND_LENGTH = 0.62
_UPPER_ARM = 1.45
_ELBOW_RADIUS = 0.46
_LEAST_BEND = 0.12


def _tilts(person: Person, b: Array) -> Array:
    shoulders = 1.0 - smoothstep(b, 0.2, 2.4)
    result: Array = person.tilt * shoulders + person.hip_tilt * smoothstep(b, 1.2, 2.8)
    return result


def _spine(person: Person, b: Array) -> Array:
    """The middle line's offset to the right; below the hip it runs straight down."""
    reach = np.minimum(b, 2.7)
    result: Array = reach * (person.lean + person.bend * reach)
    return result


def to_body(person: Person, x: Array, y: Array) -> tuple[Array, Array]:
    """(a, b) of picture points in heights."""
    down = (y - person.neck[1]) * (1.0 / (person.unit * person.stretch))
    a = (x - person.neck[0]) * (1.0 / person.unit) - _spine(person, down)
    b = down - a * _tilts(person, down)
    # A turn of the body moves its middle to the side and leaves its outline.
    a = a - (0.16 * person.yaw) * np.maximum(1.0 - a * a, 0.0)
    return a, b


def to_picture(person: Person, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Picture points (x, y), in heights, of body points (a, b): the inverse of ``to_body``, by fixed-point steps."""
    wanted = np.array(points, np.float32).T
    right, down = wanted
    for _ in range(8):
        x, y = person.neck[0] + person.unit * right, person.neck[1] + person.unit * person.stretch * down
        a, b = to_body(person, x, y)
        right, down = right + 0.9 * (wanted[0] - a), down + 0.9 * (wanted[1] - b)
    return [(float(px), float(py)) for px, py in zip(x, y, strict=True)]


@dataclass(frozen=True)
class Limb:
    """An arm: straight, an arc at the elbow, straight. Points are in heights, lengths in half-shoulder widths.

    Attributes:
        side: -1 for the right arm, on the left of the picture, and 1 for the left one.
        origin: the shoulder's pivot; ``unit``: half-shoulder width in heights.
        upper, bend, radius: angle of the upper arm, turn at the elbow (positive outwards), radius of the arc.
        first, arc: lengths of the first straight piece and of the arc.
        length: from pivot to wrist.
    """

    side: int
    origin: tuple[float, float]
    unit: float
    upper: float
    bend: float
    radius: float
    first: float
    arc: float
    length: float

    @staticmethod
    def of(person: Person, arm: Arm, side: int, origin: tuple[float, float]) -> Limb:
        """The limb of an arm in its pose, from the shoulder's pivot."""
        bend = arm.fore - arm.upper
        # The arc needs some turn; a straight arm is nearly straight.
        bend = math.copysign(max(abs(bend), _LEAST_BEND), bend)
        tangent = _ELBOW_RADIUS * math.tan(abs(bend) / 2)
        first = max(_UPPER_ARM - tangent, 0.3)
        arc = _ELBOW_RADIUS * abs(bend)
        length = first + arc + max(ARM_LENGTH - _UPPER_ARM - tangent, 0.5)
        return Limb(side, origin, person.unit, arm.upper, bend, _ELBOW_RADIUS, first, arc, length)

    def point(self, t: float, s: float = 0.0) -> tuple[float, float]:
        """Picture point of (t, s)."""
        turn = math.copysign(1.0, self.bend)
        along = min(max(t - self.first, 0.0), self.arc)
        angle = self.upper + turn * along / self.radius
        # From the shoulder to the arc, along it, and on; outwards and down.
        out = math.sin(self.upper) * min(t, self.first)
        down = math.cos(self.upper) * min(t, self.first)
        out += turn * self.radius * (math.cos(self.upper) - math.cos(angle))
        down += turn * self.radius * (math.sin(angle) - math.sin(self.upper))
        rest = max(t - self.first - self.arc, 0.0)
        out += math.sin(angle) * rest + math.cos(angle) * s
        down += math.cos(angle) * rest - math.sin(angle) * s
        return self.origin[0] + self.side * out * self.unit, self.origin[1] + down * self.unit

    def coordinates(self, x: Array, y: Array) -> tuple[Array, Array]:
        """(t, s) of picture points: the inverse of ``point`` within the arc's radius of the arm."""
        out = (x - self.origin[0]) * (self.side / self.unit)
        down = (y - self.origin[1]) * (1.0 / self.unit)
        turn = math.copysign(1.0, self.bend)
        sine, cosine = math.sin(self.upper), math.cos(self.upper)
        t1, s1 = sine * out + cosine * down, cosine * out - sine * down
        # Relative to the arc's centre, which lies on the inner side of the bend at the end of the first piece.
        along, across = t1 - self.first, turn * self.radius - s1
        sine, cosine = math.sin(self.bend), math.cos(self.bend)
        t2 = cosine * along - sine * across
        s2 = turn * self.radius - (cosine * across + sine * along)
        span = np.sqrt(along * along + across * across)
        t_arc = np.arctan2(along, turn * across) * self.radius
        s_arc = turn * (self.radius - span)
        past = t2 > 0.0
        before = along <= 0.0
        both = past & before
        if both.any():
            # Beyond the arc's centre both pieces claim a point: the nearer one has it.
            past &= ~(both & (np.abs(s1) <= np.abs(s2)))
        t = np.where(past, self.first + self.arc + t2, np.where(before, t1, self.first + t_arc))
        s = np.where(past, s2, np.where(before, s1, s_arc))
        return t, s
