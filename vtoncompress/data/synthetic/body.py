"""What of a person does not depend on the top it wears: drawn once, then dressed in any number of garments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data.synthetic.canvas import Array, Window, blend, cover, mix, plain, smooth_union, smoothstep
from vtoncompress.data.synthetic.cut import PIVOT, shoulder_line
from vtoncompress.data.synthetic.frame import HAND_LENGTH, Limb, to_body, to_picture
from vtoncompress.data.synthetic.head import EAR, EYE, NOSE, Head, HeadFrame, back_hair, draw_head
from vtoncompress.data.synthetic.parts import KEYPOINTS, BodyPart, Label
from vtoncompress.data.synthetic.person import Person

Point = tuple[float, float]

_LANDMARKS = ((0.0, 0.0), (-PIVOT[0], PIVOT[1]), (PIVOT[0], PIVOT[1]), (-0.5, 2.65), (0.5, 2.65))
"""Base of the neck, pivots of the arms, hips: (a, b)."""


@dataclass(frozen=True)
class ArmLayer:
    """An arm in its window: coordinates, colour and coverage of its skin, and its soft shadow on what lies behind.

    ``front`` is the coverage of the part that lies before the trunk and what is worn there.
    """

    limb: Limb
    window: Window
    t: Array
    s: Array
    colour: Array
    alpha: Array
    front: Array
    shadow: Array


@dataclass(frozen=True)
class Body:
    """A person without the top.

    Attributes:
        base: (3, H, W), background, hair behind, skin of the trunk, legs and lower clothes.
        labels: (H, W) uint8 ``Label`` of base; body_parts: (H, W) uint8 ``BodyPart`` of the whole person.
        solid: (H, W), coverage of trunk, legs and lower clothes, on which a shadow can fall.
        a, b: (H, W), body coordinates.
        arms: right and left; head: with the hair before it.
        keypoints: (14, 2) float32 (x, y) in pixels, in the order of ``KEYPOINTS``.
    """

    person: Person
    base: Array
    labels: NDArray[np.uint8]
    body_parts: NDArray[np.uint8]
    solid: Array
    a: Array
    b: Array
    arms: tuple[ArmLayer, ArmLayer]
    head: Head
    keypoints: NDArray[np.float32]


def body_half_width(person: Person, b: Array) -> Array:
    """Half the width of the bare trunk at b."""
    to_waist = smoothstep(b, 0.9, 1.85) * (person.waist - 0.84)
    result: Array = 0.84 + to_waist + smoothstep(b, 1.75, 2.75) * (person.hip - person.waist)
    return result


def arm_half_width(limb: Limb, person: Person, t: Array) -> Array:
    """Half the width of the bare arm and hand at t."""
    wrist = limb.length
    share = np.clip(t * (1.0 / wrist), 0.0, 1.0)
    arm = person.arm_width * (0.285 - 0.135 * share + 0.025 * np.sin(9.0 * share))
    # The hand widens at the knuckles and narrows to the finger tips.
    beyond = (t - wrist) * (1.0 / HAND_LENGTH)
    palm = smoothstep(beyond, -0.05, 0.4) * 0.055 - smoothstep(beyond, 0.45, 1.05) * 0.13
    result: Array = arm + palm
    return result


def _legs(person: Person, a: Array, b: Array) -> tuple[Array, Array]:
    """Distances to the bare legs and to what is worn below the waist."""
    size = np.abs(a)

    def pair(width: float, taper: float) -> Array:
        spread = 0.42 + 0.075 * (b - 2.6)
        leg = np.abs(size - spread) - (width - taper * (b - 2.6))
        result: Array = np.maximum(leg, 2.5 - b)
        return result

    hips = np.maximum(size - body_half_width(person, b) - 0.015, b - 2.95)
    legs = pair(person.hip - 0.44, 0.07)
    top = person.bottom_top - b - 0.05 * a * a
    if person.bottom == "skirt":
        flare = (0.05 + 0.3 * person.bottom_width) * smoothstep(b, 2.5, 4.6)
        cloth = np.maximum(size - body_half_width(person, b) - 0.02 - flare, b - 3.7 - person.bottom_width)
        return legs, np.maximum(cloth, top)
    loose = 0.04 + (0.10 if person.bottom == "trousers" else 0.04) * person.bottom_width
    cloth = smooth_union(hips, pair(person.hip - 0.44 + loose, 0.08), 0.06)
    if person.bottom == "shorts":
        cloth = np.maximum(cloth, b - 3.55 - 0.2 * person.bottom_width)
    return legs, np.maximum(cloth, top)


def _bottom_colour(person: Person, a: Array, b: Array, cloth: Array, pixel: float) -> Array:
    """Lower clothes: shaded legs, fly and side seams, belt."""
    side = np.abs(a)
    if person.bottom == "skirt":
        light = 1.0 - 0.28 * np.square(a) + 0.10 * np.sin(9.0 * a) * smoothstep(b, 2.6, 3.6)
    else:
        light = 1.05 - 1.1 * np.square(side - 0.42) - 0.25 * np.exp(-np.square(side * 7.0)) * smoothstep(b, 2.7, 3.1)
        light = light - 0.05 * np.sin(11.0 * b + 5.0 * side) * np.exp(-np.square((b - 3.1) * 2.0))
    colour: Array = plain(person.bottom_colour) * np.clip(light, 0.3, 1.15)
    down = b - person.bottom_top + 0.05 * a * a
    line = np.minimum(np.abs(down - 0.2), np.where(down < 0.75, np.abs(a - 0.03) + 0.02, 1.0))
    if person.bottom != "skirt":
        pocket = np.where((down > 0.2) & (down < 0.6), np.abs(side - 0.62 - 0.35 * (down - 0.4)), 1.0)
        line = np.minimum(line, pocket)
    thread, share = ((0.75, 0.55, 0.3), 0.45) if person.bottom == "jeans" else ((0.0, 0.0, 0.0), 0.4)
    seam = mix(person.bottom_colour, thread, share)
    blend(colour, seam, 0.7 * cover(line - 0.02, pixel))
    if person.belt:
        blend(colour, (0.20, 0.12, 0.08), cover(np.abs(down - 0.1) - 0.075, pixel))
        blend(colour, (0.80, 0.72, 0.5), cover(np.maximum(np.abs(down - 0.1) - 0.085, side - 0.11), pixel))
    colour *= 1.0 - 0.2 * smoothstep(cloth, -0.12, 0.0)
    return colour


def _arm(person: Person, side: int, pivot: Point, height: int, width: int) -> ArmLayer:
    limb = Limb.of(person, person.arms[0 if side < 0 else 1], side, pivot)
    points = [limb.point(t) for t in (0.0, limb.first, limb.first + 0.5 * limb.arc, limb.first + limb.arc)]
    points.append(limb.point(limb.length + HAND_LENGTH))
    window = Window.around(points, 0.52 * person.unit, height, width)
    t, s = limb.coordinates(*window.grid())
    end = limb.length + HAND_LENGTH
    half = arm_half_width(limb, person, t)
    outline = np.maximum(np.sqrt(s * s + np.square(np.minimum(t, 0.0))) - half, t - end)
    # The thumb points forward, that is inwards.
    thumb = np.maximum(np.abs(s + 0.19 - 0.1 * (t - limb.length - 0.3)) - 0.055, np.abs(t - limb.length - 0.24) - 0.17)
    hand = smooth_union(outline, thumb, 0.08)
    pixel = 1.0 / (person.unit * height)
    across = np.clip(s / half, -1.2, 1.2)
    light = 1.04 - 0.17 * across * across - 0.07 * across * side
    fingers = np.abs(np.abs(s) - 0.055) - 0.012
    fingers = np.maximum(np.minimum(fingers, np.abs(s) - 0.01), limb.length + 0.36 - t)
    light = light - 0.16 * cover(fingers, pixel)
    light = light - 0.16 * smoothstep(hand, -0.07, 0.0)
    shadow = 0.26 * (1.0 - smoothstep(hand, 0.0, 0.22)) * smoothstep(t, 0.2, 0.9)
    alpha = cover(hand, pixel)
    # The shoulder's cap belongs under a garment without sleeves; from the armpit on the arm lies before it.
    armpit = np.maximum(0.42 - t, 0.05 - s - 0.42 * smoothstep(t, 0.45, 1.15))
    front = np.minimum(alpha, cover(armpit, pixel))
    return ArmLayer(limb, window, t, s, plain(person.skin) * light, alpha, front, shadow)


def _keypoints(
    person: Person,
    frame: HeadFrame,
    arms: tuple[ArmLayer, ArmLayer],
    neck: Point,
    hips: tuple[Point, Point],
    height: int,
) -> NDArray[np.float32]:
    places = {"nose": frame.to_picture(*NOSE), "neck": neck}
    for name, side, arm, hip in (("right", -1, arms[0].limb, hips[0]), ("left", 1, arms[1].limb, hips[1])):
        places[f"{name}_shoulder"] = arm.point(0.0)
        places[f"{name}_elbow"] = arm.point(arm.first + 0.5 * arm.arc)
        places[f"{name}_wrist"] = arm.point(arm.length)
        places[f"{name}_hip"] = hip
        places[f"{name}_eye"] = frame.to_picture(side * EYE[0], EYE[1])
        places[f"{name}_ear"] = frame.to_picture(side * EAR[0] * person.face_width - frame.turn, EAR[1])
    return np.array([places[name] for name in KEYPOINTS], np.float32) * height - np.float32(0.5)


def _body_parts(head: Head, arms: tuple[ArmLayer, ArmLayer], trunk: Array, legs: Array, a: Array) -> NDArray[np.uint8]:
    parts = np.zeros(a.shape, np.uint8)
    legs_at = legs > 0.5
    parts[legs_at] = np.where(a < 0.0, BodyPart.RIGHT_LEG, BodyPart.LEFT_LEG)[legs_at]
    parts[trunk > 0.5] = BodyPart.TRUNK
    kinds = (
        (BodyPart.RIGHT_UPPER_ARM, BodyPart.RIGHT_FOREARM, BodyPart.RIGHT_HAND),
        (BodyPart.LEFT_UPPER_ARM, BodyPart.LEFT_FOREARM, BodyPart.LEFT_HAND),
    )
    for arm, (upper, fore, hand) in zip(arms, kinds, strict=True):
        elbow = arm.limb.first + 0.5 * arm.limb.arc
        part = np.where(arm.t < elbow, upper, np.where(arm.t < arm.limb.length, fore, hand))
        at = arm.alpha > 0.5
        arm.window.of(parts)[at] = part[at]
    head.window.of(parts)[head.face > 0.5] = BodyPart.HEAD
    return parts


def draw_body(person: Person, height: int, width: int) -> Body:
    """Everything about a person but the top."""
    window = Window(slice(0, height), slice(0, width), height)
    x, y = window.grid()
    a, b = to_body(person, x, y)
    a, b = np.broadcast_to(a, (height, width)), np.broadcast_to(b, (height, width))
    pixel = 1.0 / (person.unit * height)
    fade = 1.0 - person.background_fade * smoothstep(y, 0.0, 1.0) - 0.02 * np.square(x - 0.375)
    base = plain(person.background) * np.broadcast_to(fade, (height, width))
    labels = np.zeros((height, width), np.uint8)
    neck_base, right_pivot, left_pivot, right_hip, left_hip = to_picture(person, list(_LANDMARKS))
    frame = HeadFrame.of(person, neck_base)

    hair_window, hair, hair_colour = back_hair(person, frame, height, width)
    blend(hair_window.of(base), hair_colour, hair)
    hair_window.of(labels)[hair > 0.5] = Label.HAIR

    size = np.abs(a)
    half = body_half_width(person, b)
    trunk = np.maximum(np.maximum(size - half, shoulder_line(a, b) + 0.04), b - 3.0)
    neck = np.maximum(size - 0.27 - 0.5 * np.square(np.maximum(b + 0.25, 0.0)), np.maximum(-0.75 - b, b - 0.4))
    trunk = smooth_union(trunk, neck, 0.1)
    light = 1.02 - 0.20 * np.square(size / half) - 0.12 * smoothstep(trunk, -0.1, 0.0)
    # The chin's shadow on the neck, the collar bones, the navel.
    light = light - 0.24 * (1.0 - smoothstep(b, -0.5, 0.05)) * (size < 0.6)
    bones = np.abs(b - 0.16 - 0.10 * size) - 0.02
    light = light - 0.09 * cover(np.maximum(bones, np.maximum(0.1 - size, size - 0.55)), 2.0 * pixel)
    light = light - 0.2 * cover(np.sqrt(np.square(a) * 2.0 + np.square(b - 2.15)) - 0.045, pixel)
    trunk_alpha = cover(trunk, pixel)
    blend(base, plain(person.skin) * light, trunk_alpha)
    labels[trunk_alpha > 0.5] = Label.NECK

    legs, cloth = _legs(person, a, b)
    legs_alpha, cloth_alpha = cover(legs, pixel), cover(cloth, pixel)
    leg_light = 1.04 - 1.3 * np.square(size - 0.44) - 0.16 * smoothstep(legs, -0.1, 0.0)
    if person.bottom in ("skirt", "shorts"):
        leg_light = leg_light * (1.0 - 0.25 * np.exp(-np.square(np.maximum(cloth, 0.0) * 8.0)))
    blend(base, plain(person.skin) * leg_light, legs_alpha)
    labels[legs_alpha > 0.5] = Label.LEGS
    blend(base, _bottom_colour(person, a, b, cloth, pixel), cloth_alpha)
    labels[cloth_alpha > 0.5] = Label.BOTTOM

    arms = (_arm(person, -1, right_pivot, height, width), _arm(person, 1, left_pivot, height, width))
    for arm in arms:
        blend(arm.window.of(base), arm.colour, arm.alpha * (1.0 - smoothstep(arm.t, 0.9, 1.0)))
    head = draw_head(person, frame, height, width)
    parts = _body_parts(head, arms, trunk_alpha, legs_alpha, a)
    keypoints = _keypoints(person, frame, arms, neck_base, (right_hip, left_hip), height)
    solid = np.maximum(np.maximum(trunk_alpha, legs_alpha), cloth_alpha)
    return Body(person, base, labels, parts, solid, a, b, arms, head, keypoints)
