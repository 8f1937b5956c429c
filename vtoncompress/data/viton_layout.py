"""Generated pairs as files: the training layout of :mod:`viton_training`, or the test layout of :mod:`viton`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data import viton, viton_training
from vtoncompress.data.openpose import JOINTS, write_joints
from vtoncompress.data.synthetic import KEYPOINTS, BodyPart, Label, Synthetic, draw_garment, draw_person
from vtoncompress.image import write_image

MANIFEST, PAIR_LIST = "generated.json", "test_pairs.txt"
VITON_LABELS = {
    Label.BACKGROUND: 0, Label.HAIR: 1, Label.GARMENT: 4, Label.BOTTOM: 8, Label.LEGS: 9, Label.LEFT_ARM: 11,
    Label.FACE: 12, Label.RIGHT_ARM: 13, Label.NECK: 14,
}  # fmt: skip
"""The classes of VITON's parsing. It has none for the neck, which lies in its background: 14 is the first one free."""
DENSEPOSE_PARTS = {
    BodyPart.BACKGROUND: 0, BodyPart.TRUNK: 2, BodyPart.RIGHT_HAND: 3, BodyPart.LEFT_HAND: 4, BodyPart.RIGHT_LEG: 9,
    BodyPart.LEFT_LEG: 10, BodyPart.LEFT_UPPER_ARM: 15, BodyPart.RIGHT_UPPER_ARM: 16, BodyPart.LEFT_FOREARM: 19,
    BodyPart.RIGHT_FOREARM: 20, BodyPart.HEAD: 23,
}  # fmt: skip
"""Of DensePose's two parts for most limbs, front and back or inner and outer, the first that can be seen."""


def write_layout(data: Synthetic, out: Path, step: Callable[[], None] = lambda: None) -> None:
    """Write all pairs of ``data``: the same files for the same data. Nothing is done where ``out`` holds them already.

    The training split gives people in their own garments, the test split pairs for a try-on call and their list.

    Args:
        data: of either split.
        out: made if missing, whole or not at all.
        step: called after each pair.

    Raises:
        ValueError: ``out`` holds something else.
    """
    training = data.split == "train"

    def write(folder: Path) -> None:
        for name in viton_training.SUFFIXES if training else (viton.PERSONS, viton.GARMENTS, viton.MASKS):
            (folder / name).mkdir(parents=True)
        for index in range(len(data)):
            (_write_example if training else _write_pair)(data, index, folder)
            step()
        if not training:
            (folder / PAIR_LIST).write_text("".join(f"{name}.jpg {name}.jpg\n" for name in data.pair_list()))

    write_whole(out, describe(data), write)


def describe(data: Synthetic) -> dict[str, Any]:
    """What generated data is made of, as the manifest beside its files has it."""
    return {key: getattr(data, key) for key in ("split", "pairs", "seed", "height", "width")}


def write_whole(out: Path, manifest: dict[str, Any], write: Callable[[Path], None]) -> None:
    """Make ``out`` with what ``write`` puts into a folder and the manifest; whole, or not at all.

    Nothing is done where ``out`` holds the same already.

    Raises:
        ValueError: ``out`` holds something else.
    """
    if holds(out, manifest):
        return
    unfinished = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        write(unfinished)
        (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def holds(folder: Path, manifest: dict[str, Any]) -> bool:
    """Whether ``folder`` holds generated data of this description; False where it is missing or empty.

    Raises:
        ValueError: it holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        found = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        found = None
    if found == manifest:
        return True
    content = "something else" if found is None else f"other generated data ({found})"
    raise ValueError(f"{folder} holds {content}: remove it, or name another folder")


def _write_example(data: Synthetic, index: int, folder: Path) -> None:
    name = data.name(index)
    person, worn, _ = data.parameters(index)
    dressed = draw_person(person, worn, data.height, data.width)
    garment, mask = draw_garment(worn, data.height, data.width)
    write_image(folder / viton_training.PERSONS / f"{name}.jpg", dressed.image)
    write_image(folder / viton_training.GARMENTS / f"{name}.jpg", garment)
    write_image(folder / viton_training.MASKS / f"{name}.jpg", mask)
    labels = _table(VITON_LABELS)[dressed.labels]
    write_image(folder / viton_training.LABELS / f"{name}.png", labels)
    joints = _joints(dressed.keypoints, data.height, data.width)
    write_joints(folder / viton_training.POSES / f"{name}_keypoints.json", joints)
    np.save(folder / viton_training.BODIES / f"{name}.npy", _table(DENSEPOSE_PARTS)[dressed.body_parts])


def _write_pair(data: Synthetic, index: int, folder: Path) -> None:
    pair = data[index]
    write_image(folder / viton.PERSONS / f"{pair.name}.jpg", pair.person)
    write_image(folder / viton.GARMENTS / f"{pair.name}.jpg", pair.garment)
    write_image(folder / viton.MASKS / f"{pair.name}.jpg", pair.garment_mask)


def _table(numbers: dict[Any, int]) -> NDArray[np.uint8]:
    """What takes our numbers to theirs."""
    return np.array([numbers[key] for key in sorted(numbers)], np.uint8)


def _joints(keypoints: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """(14, 2) -> (18, 3): confidence 1, and all 0 for what lies outside of the picture, as knees and ankles do."""
    joints = np.zeros((len(JOINTS), 3), np.float32)
    for name, (x, y) in zip(KEYPOINTS, keypoints, strict=True):
        if -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5:
            joints[JOINTS.index(name)] = x, y, 1.0
    return joints
