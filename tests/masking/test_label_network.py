"""A user's network as it is opened, and from its scores to labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
import pytest
import torch
from torch import Tensor, nn

from vtoncompress.masking.label_network import LabelNetwork

SIZE = (64, 48)
BORDER = 21


class Coarse(nn.Module):
    """Scores, an eighth as large, of what is left and right of a column in a picture that brightens to the right."""

    def __init__(self, times: int = 1) -> None:
        super().__init__()
        self.times = times

    def forward(self, picture: Tensor) -> list[Tensor]:
        right = nn.functional.avg_pool2d(picture.mean(1, keepdim=True), 8) - (BORDER - 0.5) * 5 / 255
        return [torch.cat([-right, right], 1)] * self.times


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The network in both formats, for pictures of one size, for all (``open``), and with its scores twice."""
    folder, example = tmp_path_factory.mktemp("networks"), torch.zeros(1, 3, *SIZE)
    found = {name: folder / name for name in ("one.onnx", "one.xml", "open.xml", "twice.xml")}
    torch.onnx.export(Coarse().eval(), (example,), found["one.onnx"], dynamo=True, verbose=False)
    for name, times, shape in (("one.xml", 1, SIZE), ("twice.xml", 2, SIZE), ("open.xml", 1, (-1, -1))):
        converted = openvino.convert_model(Coarse(times).eval(), example_input=example, input=[1, 3, *shape])
        openvino.save_model(converted, found[name], compress_to_fp16=False)
    return found


def _open(file: Path, size: tuple[int, int] = SIZE, option: str = "parser_input") -> LabelNetwork:
    return LabelNetwork(file, 2, size, (0, 0, 0), (1, 1, 1), "rgb", option)


@pytest.mark.parametrize("name", ["one.onnx", "one.xml", "open.xml"])
@pytest.mark.parametrize("factor", [1, 3])
def test_borders_are_finer_than_the_scores(files: dict[str, Path], name: str, factor: int) -> None:
    photo = (
        np.broadcast_to((np.arange(48) * 5).astype(np.uint8)[:, None], (*SIZE, 3)).repeat(factor, 0).repeat(factor, 1)
    )
    labels = _open(files[name])(np.ascontiguousarray(photo))
    assert labels.shape == photo.shape[:2]
    assert abs(np.argmax(labels[0] == 1) - BORDER * factor) <= factor
    assert (labels == labels[0]).all()


@pytest.mark.parametrize("name", ["one.onnx", "one.xml"])
def test_a_network_for_pictures_of_another_size_is_told_on_opening(files: dict[str, Path], name: str) -> None:
    with pytest.raises(
        ValueError, match=r"takes \[1, 3, 64, 48\], not pictures of \[32, 48\]: set masking.body_parts_in"
    ):
        _open(files[name], (32, 48), "body_parts_input")
    assert _open(files["open.xml"], (32, 48))(np.zeros((32, 48, 3), np.uint8)).shape == (32, 48)


def test_scores_of_which_it_is_open_which_count_are_refused(files: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="gives scores of 2 classes 2 times: convert it with those alone that count"):
        _open(files["twice.xml"])(np.zeros((*SIZE, 3), np.uint8))
