"""A network of the user's that says what each pixel shows, as ONNX or OpenVINO IR."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vtoncompress.data.base import Image
from vtoncompress.image import resize

SUFFIXES = (".onnx", ".xml")
Shape = Sequence[int | None]
"""Of an input; None where it is open."""


class LabelNetwork:
    """Picture (1, 3, h, w), normalised -> scores (1, classes, ...) of which the highest counts.

    The photo is squeezed to the network's size, and the scores are stretched back bilinearly: borders are finer than a
    network's last layer.

    Args:
        path: ``.onnx``, or ``.xml`` with its ``.bin`` beside it.
        classes: how many the network tells apart.
        size: (height, width) of its input, in pixels.
        mean, deviation: of the channels, in 0..1, in the network's order.
        channels: ``rgb`` or ``bgr``.
        option: of ``masking``, in which ``size`` and what follows are set.

    Raises:
        ValueError: a file that is missing, damaged or of another kind, or an option out of range.
    """

    def __init__(
        self,
        path: Path | str,
        classes: int,
        size: Sequence[int],
        mean: Sequence[float],
        deviation: Sequence[float],
        channels: str,
        option: str = "parser_input",
    ) -> None:
        self.path, self.classes, self.size = Path(path), classes, (int(size[0]), int(size[1]))
        self.option = option
        if channels not in ("rgb", "bgr"):
            raise ValueError(f"masking.{option}.channels={channels}: choose rgb or bgr")
        if len(mean) != 3 or len(deviation) != 3 or min(deviation) <= 0:
            raise ValueError(f"masking.{option}: give three numbers each for mean and deviation, deviations above 0")
        self._mean, self._deviation = np.array(mean, np.float32), np.array(deviation, np.float32)
        self._step = 1 if channels == "rgb" else -1
        if self.path.suffix not in SUFFIXES:
            raise ValueError(f"{path} is no network that can be run here: give one of {', '.join(SUFFIXES)}")
        if not self.path.is_file():
            raise ValueError(f"there is no network {path}: check the path (docs/cat_vton.md says how to convert it)")
        self._run, shapes = _open_onnx(self.path) if self.path.suffix == ".onnx" else _open_ir(self.path)
        self._check_input(shapes)

    def __call__(self, photo: Image) -> Image:
        """Labels (H, W) uint8 of a photo (H, W, 3) uint8. ValueError where not one output of the network is scores."""
        picture = resize(photo, self.size)[..., :: self._step].astype(np.float32) / np.float32(255)
        planes = ((picture - self._mean) / self._deviation).transpose(2, 0, 1)[None]
        outputs = self._run(np.ascontiguousarray(planes))
        found = [one for one in outputs if one.ndim == 4 and one.shape[:2] == (1, self.classes)]
        if len(found) > 1:
            raise ValueError(
                f"{self.path} gives scores of {self.classes} classes {len(found)} times: convert it with those alone "
                "that count (docs/cat_vton.md says how)"
            )
        if not found:
            shapes = ", ".join(str(list(one.shape)) for one in outputs)
            raise ValueError(f"{self.path} gives {shapes}, not scores of {self.classes} classes: give another network")
        return _highest(found[0][0], photo.shape[:2])

    def _check_input(self, shapes: Sequence[Shape]) -> None:
        expected = (1, 3, *self.size)
        told = " and ".join(str(["?" if side is None else side for side in shape]) for shape in shapes)
        if len(shapes) != 1 or len(shapes[0]) != 4 or not _fits(shapes[0][:2], expected[:2]):
            raise ValueError(f"{self.path} takes {told}, not one picture [1, 3, height, width]: convert it again")
        if not _fits(shapes[0], expected):
            own = [one if known is None else known for known, one in zip(shapes[0][2:], self.size, strict=True)]
            option = f"masking.{self.option}.size={own}".replace(" ", "")
            raise ValueError(f"{self.path} takes {told}, not pictures of {[*self.size]}: set {option}")

    def files(self) -> list[Path]:
        """What of it is deployed."""
        return [self.path, *([self.path.with_suffix(".bin")] if self.path.suffix == ".xml" else [])]


def _fits(shape: Shape, sides: Sequence[int]) -> bool:
    return all(known in (None, side) for known, side in zip(shape, sides, strict=True))


def _highest(scores: NDArray[np.float32], size: tuple[int, int]) -> Image:
    """(classes, h, w) -> labels (H, W) of ``size``. A class at a time: all of them at a photo's size take gigabytes."""
    labels, best = np.zeros(size, np.uint8), np.full(size, -np.inf, np.float32)
    for label, plane in enumerate(scores):
        picture = Pillow.fromarray(np.ascontiguousarray(plane, np.float32))
        stretched = np.asarray(picture.resize(size[::-1], Pillow.Resampling.BILINEAR))
        labels[stretched > best] = label
        np.maximum(best, stretched, out=best)
    return labels


def _open_onnx(path: Path) -> tuple[Any, Sequence[Shape]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # warnings tell how the runtime rewrites the graph
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class but this
        raise ValueError(f"{path} is damaged: convert it again") from error
    inputs = session.get_inputs()
    shapes = [[side if isinstance(side, int) else None for side in one.shape] for one in inputs]

    def run(planes: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [np.asarray(one) for one in session.run(None, {inputs[0].name: planes})]

    return run, shapes


def _open_ir(path: Path) -> tuple[Any, Sequence[Shape]]:
    from vtoncompress.export.openvino_ir import disable_telemetry

    disable_telemetry()
    import openvino

    try:
        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError as error:
        raise ValueError(f"{path} or its .bin is missing or damaged: convert it again") from error

    known = [one.partial_shape for one in compiled.inputs]
    shapes = [
        [None] * 4 if one.rank.is_dynamic else [None if side.is_dynamic else side.get_length() for side in one]
        for one in known
    ]

    def run(planes: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [np.array(one) for one in compiled([planes]).values()]

    return run, shapes
