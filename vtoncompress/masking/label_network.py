"""A network of the user's that says what each pixel shows, as ONNX or OpenVINO IR."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data.base import Image
from vtoncompress.image import resize

SUFFIXES = (".onnx", ".xml")


class LabelNetwork:
    """Picture (1, 3, h, w), normalised -> scores (1, classes, ...) of which the highest counts.

    The photo is squeezed to the network's size and the labels are stretched back, each pixel that of the nearest place.

    Args:
        path: ``.onnx``, or ``.xml`` with its ``.bin`` beside it.
        classes: how many the network tells apart.
        size: (height, width) of its input, in pixels.
        mean, deviation: of the channels, in 0..1, in the network's order.
        channels: ``rgb`` or ``bgr``.

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
    ) -> None:
        self.path, self.classes, self.size = Path(path), classes, (int(size[0]), int(size[1]))
        if channels not in ("rgb", "bgr"):
            raise ValueError(f"masking channels={channels}: choose rgb or bgr")
        if len(mean) != 3 or len(deviation) != 3 or min(deviation) <= 0:
            raise ValueError("masking mean and deviation: give three numbers each, deviations above 0")
        self._mean, self._deviation = np.array(mean, np.float32), np.array(deviation, np.float32)
        self._step = 1 if channels == "rgb" else -1
        if self.path.suffix not in SUFFIXES:
            raise ValueError(f"{path} is no network that can be run here: give one of {', '.join(SUFFIXES)}")
        if not self.path.is_file():
            raise ValueError(f"there is no network {path}: check the path (docs/cat_vton.md says how to convert it)")
        self._run = _open_onnx(self.path) if self.path.suffix == ".onnx" else _open_ir(self.path)

    def __call__(self, photo: Image) -> Image:
        """Labels (H, W) uint8 of a photo (H, W, 3) uint8. ValueError where the network gives no such scores."""
        picture = resize(photo, self.size)[..., :: self._step].astype(np.float32) / np.float32(255)
        planes = ((picture - self._mean) / self._deviation).transpose(2, 0, 1)[None]
        outputs = self._run(np.ascontiguousarray(planes))
        scores = next((one for one in outputs if one.ndim == 4 and one.shape[1] == self.classes), None)
        if scores is None:
            shapes = ", ".join(str(list(one.shape)) for one in outputs)
            raise ValueError(f"{self.path} gives {shapes}, not scores of {self.classes} classes: give another network")
        labels = scores[0].argmax(0).astype(np.uint8)
        height, width = photo.shape[:2]
        rows, columns = (np.arange(side) * of // side for side, of in zip((height, width), labels.shape, strict=True))
        return np.ascontiguousarray(labels[rows[:, None], columns])

    def files(self) -> list[Path]:
        """What of it is deployed."""
        return [self.path, *([self.path.with_suffix(".bin")] if self.path.suffix == ".xml" else [])]


def _open_onnx(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # warnings tell how the runtime rewrites the graph
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class but this
        raise ValueError(f"{path} is damaged: convert it again") from error
    name = session.get_inputs()[0].name

    def run(planes: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [np.asarray(one) for one in session.run(None, {name: planes})]

    return run


def _open_ir(path: Path) -> Any:
    from vtoncompress.export.openvino_ir import disable_telemetry

    disable_telemetry()
    import openvino

    try:
        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError as error:
        raise ValueError(f"{path} or its .bin is missing or damaged: convert it again") from error

    def run(planes: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [np.array(one) for one in compiled([planes]).values()]

    return run
