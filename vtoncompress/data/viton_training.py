"""Training examples in VITON's training layout as PF-AFN uses it; the photos are the user's, or generated."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vtoncompress.data.base import Image
from vtoncompress.data.densepose import HANDS, read_parts
from vtoncompress.data.listed import check_damaged
from vtoncompress.data.openpose import read_joints
from vtoncompress.image import centre_crop, fit_garment, fit_labels, fit_person, read_image, read_labels, read_mask

PERSONS, GARMENTS, MASKS = "train_img", "train_color", "train_edge"
LABELS, POSES, BODIES = "train_label", "train_pose", "train_densepose"
PICTURES = (".jpg", ".jpeg", ".png")
SUFFIXES = {
    PERSONS: PICTURES, GARMENTS: PICTURES, MASKS: PICTURES, LABELS: (".png",), POSES: (".json",),
    BODIES: (".npy", ".png"),
}  # fmt: skip
BACKGROUND = 0
PROBED = 16  # label maps of which one at least must show a garment


@dataclass(frozen=True)
class Example:
    """A person, what it wears, and what is known of its body. All pictures share one height H and width W.

    Attributes:
        name: of the person's file, without suffix.
        person: (H, W, 3) uint8.
        garment: (H, W, 3) uint8, the in-shop picture of what the person wears.
        garment_mask: (H, W) uint8, 255 inside it.
        region: (H, W) uint8, 255 where the person's picture shows it, grey on edges.
        kept: (H, W) uint8, 255 where another garment changes nothing, 0 elsewhere.
        parts: (H, W) uint8, DensePose's part of the body, 0 to 24.
        joints: (18, 3) float32, OpenPose's x and y, in pixels with centres at whole numbers, and confidence.
    """

    name: str
    person: Image
    garment: Image
    garment_mask: Image
    region: Image
    kept: Image
    parts: Image
    joints: NDArray[np.float32]


class VitonTraining(Sequence[Example]):
    """The people of ``train_img``, each with what has its name in the five other folders.

    Names are equal up to suffixes; ``000003_0`` may also have ``000003_1`` as its garment and
    ``000003_0_keypoints.json`` as its pose, as VITON's own files have. Poses are read at once, pictures on access.

    Args:
        root: folder of ``train_img``, ``train_color``, ``train_edge``, ``train_label``, ``train_pose`` and
            ``train_densepose``.
        height, width: of all pictures, in pixels. Persons are cropped to this aspect, garments padded.
        garment_labels: parsing labels of the garment that is exchanged.
        kept_labels: of what another garment leaves as it is.
        arm_labels: of arms, of which the hands are kept as far as DensePose finds them.
        background_margin: background that is farther than this from the body, in heights, is kept too; None for none.
        damaged: ``refuse`` stops at a file that is missing or a pose that can't be read, and on access at a damaged
            picture; ``skip`` looks at every file now and leaves out the people that lack one.

    Attributes:
        left_out: who was left out, a line each: the person's name, the file and why.

    Raises:
        ValueError: an unknown choice, a missing folder or file, a pose that can't be read, nobody who is left, or the
            labels are not those of the parsing.
    """

    def __init__(
        self,
        root: Path | str,
        height: int,
        width: int,
        garment_labels: Sequence[int],
        kept_labels: Sequence[int],
        arm_labels: Sequence[int],
        background_margin: float | None,
        damaged: str = "refuse",
    ) -> None:
        check_damaged(damaged)
        self.root, self.height, self.width = Path(root), height, width
        self.garment_labels = _labels("garment_labels", garment_labels)
        self.kept_labels, self.arm_labels = _labels("kept_labels", kept_labels), _labels("arm_labels", arm_labels)
        self.background_margin = background_margin
        if not self.garment_labels or {*self.garment_labels} & {*self.kept_labels, *self.arm_labels}:
            raise ValueError(
                f"data.garment_labels={self.garment_labels}: name one label or more, none of which is in "
                f"data.kept_labels={self.kept_labels} or data.arm_labels={self.arm_labels}"
            )
        if background_margin is not None and background_margin < 0:
            raise ValueError(f"data.background_margin={background_margin}: use 0 or more, or null")
        self.left_out: list[str] = []
        self._files = self._whole(_find_files(self.root), damaged)
        self._joints = [read_joints(files[POSES]) for files in self._files]
        probed = self._files[:PROBED]
        if not any(np.isin(read_labels(files[LABELS]), self.garment_labels).any() for files in probed):
            raise ValueError(
                f"the first {len(probed)} maps of {self.root / LABELS} have no garment (labels {self.garment_labels}): "
                "name its labels with data.garment_labels=[...]"
            )

    def _whole(self, found: Mapping[str, Mapping[str, Path | None]], damaged: str) -> list[dict[str, Path]]:
        """Of each person that has a file in every folder these files; with ``skip`` only if they can be read."""
        files = {name: {folder: path for folder, path in one.items() if path} for name, one in found.items()}
        for folder in SUFFIXES:
            missing = [name for name, one in files.items() if folder not in one]
            if missing and damaged == "refuse":
                raise ValueError(
                    f"{self.root / folder} has nothing ({', '.join(SUFFIXES[folder])}) for {len(missing)} of "
                    f"{len(files)} pictures, the first is {missing[0]}: add it, remove {PERSONS}'s picture, or leave "
                    "such people out with data.damaged=skip"
                )
        if damaged == "refuse":
            return [*files.values()]
        reasons = {name: self._damage(one) for name, one in files.items()}
        self.left_out = [f"{name}: {reason}" for name, reason in reasons.items() if reason]
        if len(self.left_out) == len(files):
            raise ValueError(f"none of {len(files)} people can be read; the first: {self.left_out[0]}")
        return [one for name, one in files.items() if not reasons[name]]

    def _damage(self, files: Mapping[str, Path]) -> str:
        """Why an example can't be used; empty where it can."""
        if lacking := [folder for folder in SUFFIXES if folder not in files]:
            return f"{self.root / lacking[0]} has nothing ({', '.join(SUFFIXES[lacking[0]])}) of this name"
        try:
            _read_person(files)
            _read_garment(files)
            read_joints(files[POSES])
        except ValueError as error:
            return str(error)
        return ""

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        files, size = self._files[index], (self.height, self.width)
        person, labels, parts = _read_person(files)
        worn = np.where(np.isin(labels, self.garment_labels), np.uint8(255), np.uint8(0))
        garment, garment_mask = self.garment(index)
        small_labels, small_parts = fit_labels(labels, size), fit_labels(parts, size)
        return Example(
            name=files[PERSONS].stem,
            person=fit_person(person, size),
            garment=garment,
            garment_mask=garment_mask,
            region=fit_person(worn, size),
            kept=self._kept(small_labels, small_parts),
            parts=small_parts,
            joints=_fit_joints(self._joints[index], person.shape, size),
        )

    def garment(self, index: int) -> tuple[Image, Image]:
        """The in-shop picture (H, W, 3) of what person ``index`` wears, and its mask (H, W), both uint8."""
        size = (self.height, self.width)
        picture, mask = _read_garment(self._files[index])
        return fit_garment(picture, size), fit_garment(mask, size)

    def names(self) -> list[str]:
        """Of all examples, in order."""
        return [files[PERSONS].stem for files in self._files]

    def description(self) -> dict[str, Any]:
        """What two runs on the same examples have in common, as JSON values."""
        unlike = ("root", "left_out")
        options = {key: value for key, value in vars(self).items() if key not in unlike and not key.startswith("_")}
        # Names alone, for a line also says where the data lies.
        left_out = {"left_out": [line.partition(": ")[0] for line in self.left_out]} if self.left_out else {}
        return {"examples": len(self), "names": self._names_hash(), **left_out, **options}

    def summary(self) -> str:
        """What is there, in a line."""
        return f"{len(self)} sound training examples, list {self._names_hash()}"

    def _names_hash(self) -> str:
        return hashlib.sha256("\n".join(self.names()).encode()).hexdigest()[:16]

    def _kept(self, labels: Image, parts: Image) -> Image:
        kept = np.isin(labels, self.kept_labels)
        kept |= np.isin(labels, self.arm_labels) & np.isin(parts, HANDS)
        if self.background_margin is not None and (parts > 0).any():
            # By the body and not by what it wears, whose outline would tell the network what to draw.
            far = ndimage.distance_transform_edt(parts == 0) > self.background_margin * self.height
            kept |= far & (labels == BACKGROUND)
        return np.where(kept, np.uint8(255), np.uint8(0))


def _labels(name: str, labels: Any) -> list[int]:
    if not isinstance(labels, Sequence) or not all(isinstance(one, int) and 0 <= one < 256 for one in labels):
        raise ValueError(f"data.{name}={labels}: give a list of whole numbers from 0 to 255, such as [4]")
    return [*labels]


def _read_person(files: Mapping[str, Path]) -> tuple[Image, Image, Image]:
    """Picture, labels and body parts, of one size."""
    person, labels, parts = read_image(files[PERSONS]), read_labels(files[LABELS]), read_parts(files[BODIES])
    for folder, array in ((LABELS, labels), (BODIES, parts)):
        if array.shape != person.shape[:2]:
            raise ValueError(
                f"{files[folder]} is {_extent(array)} and its picture {_extent(person)}: make it of this picture"
            )
    return person, labels, parts


def _read_garment(files: Mapping[str, Path]) -> tuple[Image, Image]:
    """In-shop picture and its mask, of one size."""
    picture, mask = read_image(files[GARMENTS]), read_mask(files[MASKS])
    if mask.shape != picture.shape[:2]:
        raise ValueError(
            f"{files[MASKS]} is {_extent(mask)} and its garment {_extent(picture)}: make it of this picture"
        )
    return picture, mask


def _find_files(root: Path) -> dict[str, dict[str, Path | None]]:
    """For each person, by name, its file in every folder; None where there is none."""
    found: dict[str, dict[str, Path]] = {}
    for folder, suffixes in SUFFIXES.items():
        if not (root / folder).is_dir():
            raise ValueError(f"there is no folder {root / folder}: needed are {', '.join(SUFFIXES)}, all in one folder")
        files = (file for file in (root / folder).iterdir() if not file.name.startswith("."))
        found[folder] = {file.stem: file for file in sorted(files) if file.suffix.lower() in suffixes}
    if not found[PERSONS]:
        raise ValueError(f"{root / PERSONS} has no picture: put {', '.join(PICTURES)} files there")
    return {
        stem: {folder: found[folder].get(_match(stem, folder, found[folder]) or stem) for folder in SUFFIXES}
        for stem in found[PERSONS]
    }


def _match(stem: str, folder: str, files: Mapping[str, Path]) -> str | None:
    """What a person's file is called in a folder, without suffix."""
    names = [stem]
    if folder in (GARMENTS, MASKS) and stem.endswith("_0"):
        names.append(stem.removesuffix("0") + "1")
    if folder == POSES:
        names.append(stem + "_keypoints")
    return next((name for name in names if name in files), None)


def _fit_joints(joints: NDArray[np.float32], shape: tuple[int, ...], size: tuple[int, int]) -> NDArray[np.float32]:
    """Joints of a picture of ``shape`` where :func:`vtoncompress.image.fit_person` puts them."""
    fitted = joints.copy()
    for axis, (part, side) in enumerate(zip(reversed(centre_crop(shape, size)), reversed(size), strict=True)):
        scale = side / (part.stop - part.start)
        fitted[:, axis] = (joints[:, axis] + 0.5 - part.start) * scale - 0.5
    return fitted


def _extent(array: Image) -> str:
    return f"{array.shape[1]}x{array.shape[0]} pixels"
