"""Names of what a picture of a person shows: parse labels, body parts under the clothes, and keypoints."""

from __future__ import annotations

from enum import IntEnum


class Label(IntEnum):
    """What is seen at a pixel. Left and right are the person's own."""

    BACKGROUND = 0
    HAIR = 1
    FACE = 2
    NECK = 3
    """Neck and bare skin of the trunk."""
    GARMENT = 4
    BOTTOM = 5
    """Trousers, shorts or skirt."""
    LEGS = 6
    LEFT_ARM = 7
    """Bare skin of the arm and the hand."""
    RIGHT_ARM = 8


class BodyPart(IntEnum):
    """The nearest part of the body at a pixel, whatever it wears."""

    BACKGROUND = 0
    TRUNK = 1
    HEAD = 2
    RIGHT_UPPER_ARM = 3
    LEFT_UPPER_ARM = 4
    RIGHT_FOREARM = 5
    LEFT_FOREARM = 6
    RIGHT_HAND = 7
    LEFT_HAND = 8
    RIGHT_LEG = 9
    LEFT_LEG = 10


KEYPOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "left_hip", "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
"""The order of the rows of ``keypoints``: OpenPose's first ones without knees and ankles."""
