"""Masks by a user's networks: here networks that know six colours, in ONNX and as IR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vtoncompress.masking.parsing import CLASSES, DENSEPOSE_CLASSES, Parsing

INPUT: dict[str, Any] = {"size": [64, 48], "mean": [0.5, 0.4, 0.3], "deviation": [0.2, 0.25, 0.5], "channels": "bgr"}
COLOURS = {"background": 0, "hair": 40, "top": 80, "trousers": 120, "arm": 160, "face": 200}  # of all three channels


class Colours(nn.Module):
    """Scores by how near a pixel's grey is to a class's; the classes that no colour stands for are far from any."""

    def __init__(self, greys: dict[int, float], classes: int) -> None:
        super().__init__()
        self.register_buffer("grey", torch.tensor([greys.get(n, 99.0) for n in range(classes)]).view(1, -1, 1, 1))
        self.register_buffer("mean", torch.tensor(INPUT["mean"]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(INPUT["deviation"]).view(1, 3, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        grey = (picture * self.deviation + self.mean).mean(1, keepdim=True)
        return -(grey - self.grey).abs()


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A parser in both formats, and body parts that take the trousers for trunk and the hair for head."""
    import openvino

    folder = tmp_path_factory.mktemp("networks")
    names = CLASSES["atr"]
    parser = Colours({names.index(name): grey / 255 for name, grey in COLOURS.items()}, len(names))
    parts = Colours({0: 0.0, 1: 120 / 255, 24: 40 / 255, 16: 160 / 255}, DENSEPOSE_CLASSES)
    example = torch.zeros(1, 3, *INPUT["size"])
    files = {name: folder / f"{name}.onnx" for name in ("parser", "parts")}
    for name, network in (("parser", parser), ("parts", parts)):
        torch.onnx.export(network.eval(), (example,), files[name], dynamo=True, verbose=False)
    files["ir"] = folder / "parser.xml"
    openvino.save_model(openvino.convert_model(parser, example_input=example), files["ir"], compress_to_fp16=False)
    return files


@pytest.fixture
def photo() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(64, 48, 3): from above background, hair, face, top with an arm beside it, trousers, background."""
    grey = np.zeros((64, 48), np.uint8)
    for (first, last), name in (((6, 12), "hair"), ((12, 18), "face"), ((18, 38), "top"), ((38, 56), "trousers")):
        grey[first:last, 12:36] = COLOURS[name]
    grey[18:38, 36:42] = COLOURS["arm"]
    return np.repeat(grey[..., None], 3, 2)


@pytest.mark.parametrize("kind", ["parser", "ir"])
@pytest.mark.parametrize(("garment", "rows"), [("upper", (18, 38)), ("lower", (38, 56)), ("overall", (18, 56))])
def test_the_garments_place_is_painted(
    networks: dict[str, Path], photo: Any, kind: str, garment: str, rows: tuple[int, int]
) -> None:
    masker = Parsing(garment, networks[kind], "atr", None, 0.0, parser_input=INPUT, body_parts_input=INPUT)
    mask = masker(photo)
    painted = np.flatnonzero((mask >= 128).any(1))
    assert (painted[0], painted[-1] + 1) == rows
    assert (mask[18:38, 36:42] >= 128).all() == (garment != "lower")  # the bare arm
    assert (mask[:18] == 0).all()


def test_body_parts_add_what_clothes_hide(networks: dict[str, Path], photo: Any) -> None:
    masker = Parsing(
        "upper", networks["parser"], "atr", networks["parts"], 0.0, parser_input=INPUT, body_parts_input=INPUT
    )
    assert (masker(photo)[38:56, 12:36] >= 128).all()
    assert {name: [path.name for path in paths] for name, paths in masker.files().items()} == {
        "parser": ["parser.onnx"], "body parts": ["parts.onnx"]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parser": None}, "needs a human parser of yours"),
        ({"parser": "nothing.onnx"}, "there is no network nothing.onnx"),
        ({"parser": "weights.pth"}, "give one of .onnx, .xml"),
        ({"garment": "shoe"}, "masking.garment=shoe: choose one of upper"),
        ({"classes": "coco"}, "masking.classes=coco: choose one of atr"),
        ({"classes": "lip"}, "not scores of 20 classes"),
        ({"parser_input": {**INPUT, "size": [473, 473]}}, r"set masking.parser_input.size=\[64,48\]"),
    ],
)
def test_a_mistake_is_one_line(networks: dict[str, Path], photo: Any, changes: dict[str, Any], message: str) -> None:
    options = {"garment": "upper", "parser": networks["parser"], "classes": "atr", "body_parts": None}
    with pytest.raises(ValueError, match=message):
        Parsing(**{**options, "parser_input": INPUT, "body_parts_input": INPUT, **changes})(photo)


def test_a_photo_without_the_garment_is_one_line(networks: dict[str, Path]) -> None:
    masker = Parsing("upper", networks["parser"], "atr", None, 0.0, parser_input=INPUT, body_parts_input=INPUT)
    with pytest.raises(ValueError, match="finds nothing of an upper garment"):
        masker(np.zeros((64, 48, 3), np.uint8))
