"""A garment worn by a person: the known smooth deformation, and the picture it gives.

The picture is not a resampled shop picture: at each of its pixels the garment's own functions are evaluated at the flat
point that the deformation leads to, so it is as sharp as the shop picture, and the flow is exact by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data.base import Image
from vtoncompress.data.synthetic.body import ArmLayer, Body, arm_half_width, body_half_width, draw_body
from vtoncompress.data.synthetic.canvas import Array, Window, blend, cover, smoothstep, to_bytes
from vtoncompress.data.synthetic.cut import half_width, join, sleeve_half_width, sleeve_to_flat
from vtoncompress.data.synthetic.garment import ARM_LENGTH, Garment
from vtoncompress.data.synthetic.layer import sleeve_layer, trunk_layer
from vtoncompress.data.synthetic.parts import BodyPart, Label
from vtoncompress.data.synthetic.person import Person
from vtoncompress.data.synthetic.shop import Placement
from vtoncompress.masking.agnostic import agnostic_mask

_WRAP = 0.10
"""How much the cloth at the sides turns away from the viewer: 0 would be a flat body."""


def _chosen(kind: type[IntEnum], *members: IntEnum) -> NDArray[np.bool_]:
    """(len(kind),): whether a member is among those, by its number."""
    return np.array([member in members for member in kind])


_PAINTED_LABELS = _chosen(Label, Label.GARMENT, Label.NECK)
_PAINTED_PARTS = _chosen(
    BodyPart,
    BodyPart.TRUNK, BodyPart.RIGHT_UPPER_ARM, BodyPart.LEFT_UPPER_ARM, BodyPart.RIGHT_FOREARM, BodyPart.LEFT_FOREARM,
)  # fmt: skip
_KEPT_LABELS = _chosen(Label, Label.FACE, Label.HAIR)
_KEPT_PARTS = _chosen(BodyPart, BodyPart.RIGHT_HAND, BodyPart.LEFT_HAND)


@dataclass(frozen=True)
class Dressed:
    """A person in a garment; H and W are the picture's.

    Attributes:
        image: (H, W, 3) uint8.
        region: (H, W) uint8, the garment's share (0 to 255) in each pixel.
        flow: (H, W, 2) float32, (x, y) in the shop picture that a pixel shows, in pixels with centres at whole numbers;
            meaningful where region is not 0.
        labels: (H, W) uint8, ``Label`` of what is seen.
        keypoints: (14, 2) float32, (x, y) in pixels, in the order of ``KEYPOINTS``.
        body_parts: (H, W) uint8, ``BodyPart`` whatever is worn.
    """

    image: Image
    region: Image
    flow: NDArray[np.float32]
    labels: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    body_parts: NDArray[np.uint8]


def _worn_half_width(person: Person, garment: Garment, b: Array) -> Array:
    """Half the width of the trunk as worn: between the body's own and the garment's."""
    body, cloth = body_half_width(person, b) + 0.03, half_width(garment, b)
    apart = cloth - body
    # A tight garment is stretched to the body, a loose one falls in by a part of its ease.
    result: Array = body + 0.35 * apart + 0.35 * np.sqrt(apart * apart + 0.004)
    return result


def _trunk_to_flat(person: Person, garment: Garment, a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Flat (u, v) of body points, and the share of the half width at which they lie, -1 to 1 inside."""
    share = a / _worn_half_width(person, garment, b)
    inside = np.clip(share, -1.3, 1.3)
    u = (share - _WRAP * inside * (1.0 - inside * inside)) * half_width(garment, b)
    # Cloth hangs lower in the middle and rides up over the hips.
    v = b + 0.05 * np.square(inside) * smoothstep(b, 1.2, 2.6)
    return u, v, share


def _folds(person: Person, a: Array, b: Array) -> Array:
    """Light and dark of the folds, from the armpits and about the waist, deeper on the side that is pressed."""
    size = np.abs(a)
    pull = smoothstep(size, 0.1, 0.8)
    armpit = np.sin(15.0 * (b - 0.75 * size)) * pull * np.exp(-np.square((b - 1.0) * 1.8))
    pressed = 0.7 + 4.0 * (person.hip_tilt - person.tilt) * a
    waist = np.sin(11.0 * b + 4.0 * a) * np.exp(-np.square((b - 1.95) * 1.5)) * pressed
    drape = np.sin(7.5 * a + 0.6 * b) * smoothstep(b, 1.9, 2.9)
    result: Array = 0.035 * armpit + 0.045 * waist + 0.05 * drape
    return result


def _lay_trunk(body: Body, garment: Garment, place: Placement, picture: Array, region: Array, flow: Array) -> None:
    """The trunk of the garment, over the picture, region and flow in place."""
    person, (height, width) = body.person, body.labels.shape
    down = person.unit * person.stretch
    top, bottom = person.neck[1] - 0.75 * down, person.neck[1] + (garment.length + 0.35) * down
    reach = 1.4 * person.unit
    window = Window.around([(person.neck[0] - reach, top), (person.neck[0] + reach, bottom)], 0.02, height, width)
    a, b = window.of(body.a), window.of(body.b)
    pixel = 1.0 / (person.unit * height)
    u, v, share = _trunk_to_flat(person, garment, a, b)
    colour, alpha = trunk_layer(garment, u, v, pixel)
    light = (
        1.03
        - 0.20 * np.square(np.minimum(np.abs(share), 1.2))
        - 0.05 * np.clip(share, -1.2, 1.2)
        + _folds(person, a, b)
    )
    # A shadow of the hem on what lies below it.
    below = 0.3 * (1.0 - smoothstep(v - garment.length + garment.hem_curve * u * u, 0.0, 0.2))
    below *= cover(np.abs(share) - 1.0, pixel) * smoothstep(v, 1.2, 1.6)
    window.of(picture)[:] *= 1.0 - below
    blend(window.of(picture), colour * light, alpha)
    window.of(region)[:] = alpha
    window.of(np.moveaxis(flow, -1, 0))[:] = np.moveaxis(place.to_pixels(u, v, height), -1, 0)


def _lay_sleeve(
    body: Body, arm: ArmLayer, garment: Garment, place: Placement, picture: Array, region: Array, flow: Array
) -> None:
    """A sleeve over its arm, in place."""
    person, height, limb = body.person, body.labels.shape[0], arm.limb
    window, side = arm.window, limb.side
    pixel = 1.0 / (person.unit * height)
    stretch = ARM_LENGTH / limb.length
    t = arm.t * stretch
    flat_half = sleeve_half_width(garment, t)
    tight = 1.12 * arm_half_width(limb, person, np.minimum(arm.t, limb.length))
    worn_half = np.maximum(tight, 0.45 * tight + 0.55 * flat_half)
    s = arm.s * (flat_half / worn_half)
    share = np.clip(arm.s / worn_half, -1.2, 1.2)
    # Near the shoulder the sleeve is still part of the trunk, and its map goes over into the trunk's.
    trunk_u, trunk_v, _ = _trunk_to_flat(person, garment, window.of(body.a), window.of(body.b))
    sleeve_u, sleeve_v = sleeve_to_flat(garment, side, t, s)
    own = join(t)
    u, v = trunk_u + (sleeve_u - trunk_u) * own, trunk_v + (sleeve_v - trunk_v) * own
    colour, alpha = sleeve_layer(garment, t, s, u, v, pixel)
    elbow = limb.first + 0.5 * limb.arc
    bend = min(abs(limb.bend), 1.2)
    crease = np.sin(13.0 * arm.t + 3.0 * share) * np.exp(-np.square((arm.t - elbow) * 1.7))
    light = 1.03 + own * (-0.20 * share * share - 0.05 * share * side + (0.02 + 0.06 * bend) * crease)
    blend(window.of(picture), colour * light, alpha)
    seen = window.of(region)
    # The flow is that of the layer that gives more of the pixel's garment.
    at = alpha > seen * (1.0 - alpha)
    seen += (1.0 - seen) * alpha
    window_flow = flow[window.rows, window.cols]
    window_flow[at] = place.to_pixels(u, v, height)[at]


def dress(body: Body, garment: Garment) -> Dressed:
    """A drawn body in a garment."""
    height, width = body.labels.shape
    place = Placement.of(garment)
    picture = body.base.copy()
    region = np.zeros((height, width), np.float32)
    flow = np.zeros((height, width, 2), np.float32)
    labels = body.labels.copy()
    _lay_trunk(body, garment, place, picture, region, flow)
    for arm, label in zip(body.arms, (Label.RIGHT_ARM, Label.LEFT_ARM), strict=True):
        seen = arm.window.of(region)
        behind = np.maximum(arm.window.of(body.solid), seen)
        arm.window.of(picture)[:] *= 1.0 - arm.shadow * (1.0 - arm.front) * behind
        blend(arm.window.of(picture), arm.colour, arm.front)
        seen *= 1.0 - arm.front
        arm.window.of(labels)[arm.alpha > 0.5] = label
        if garment.sleeve > 0.0:
            _lay_sleeve(body, arm, garment, place, picture, region, flow)
    head = body.head
    head.window.of(picture)[:] = head.window.of(picture) * (1.0 - head.alpha) + head.colour
    head.window.of(region)[:] *= 1.0 - head.alpha
    labels[region > 0.5] = Label.GARMENT
    head.window.of(labels)[head.face > 0.5] = Label.FACE
    head.window.of(labels)[head.hair > 0.5] = Label.HAIR
    return Dressed(to_bytes(picture), to_bytes(region), flow, labels, body.keypoints, body.body_parts)


def painted_anew(person: Dressed) -> Image:
    """Mask (H, W) uint8, 255 where a model that inpaints paints ``person`` in another top.

    From what is known before: the top that is worn, trunk and arms under it, never the top that comes.
    """
    painted = _PAINTED_LABELS[person.labels] | _PAINTED_PARTS[person.body_parts]
    return agnostic_mask(painted, _KEPT_LABELS[person.labels] | _KEPT_PARTS[person.body_parts])


def draw_person(person: Person, garment: Garment, height: int, width: int) -> Dressed:
    """A person in a garment. To dress one person in several, ``draw_body`` once and ``dress`` for each."""
    return dress(draw_body(person, height, width), garment)
