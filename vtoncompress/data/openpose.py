"""Joints as OpenPose writes them: the 18 of its COCO body, one JSON file a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

JOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
"""OpenPose's order; left and right are the person's own."""
KEYS = ("pose_keypoints", "pose_keypoints_2d")  # OpenPose 1.0 and later


def read_joints(path: Path) -> NDArray[np.float32]:
    """(18, 3): x and y in pixels and confidence of the first person in the file; all 0 where OpenPose found nobody.

    Raises:
        ValueError: no JSON of OpenPose, or of another set of joints.
    """
    advice = "run OpenPose on its picture again (--model_pose COCO --write_json)"
    try:
        people = json.loads(path.read_bytes())["people"]
        values = next(people[0][key] for key in KEYS if key in people[0]) if people else [0.0] * 3 * len(JOINTS)
        joints = np.array(values, np.float32)
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, TypeError, LookupError, StopIteration) as error:
        raise ValueError(f"{path} is no JSON with people[0].pose_keypoints: {advice}") from error
    if joints.shape != (3 * len(JOINTS),) or not np.isfinite(joints).all():
        raise ValueError(f"{path} has no {len(JOINTS)} triples of finite numbers (x, y, confidence): {advice}")
    return joints.reshape(-1, 3)


def write_joints(path: Path, joints: NDArray[np.float32]) -> None:
    """Write (18, 3) as OpenPose does, in hundredths of a pixel."""
    values = [round(float(value), 2) for value in joints.flatten()]
    path.write_text(json.dumps({"version": 1.0, "people": [{"pose_keypoints": values}]}))
