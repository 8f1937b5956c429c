"""Masks of garments on any background by rembg, with a network of our own in the place of those that it downloads."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.conftest import Command
from vtoncompress.data.dataset_layout import write_dataset
from vtoncompress.data.dress_code import DressCode
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.foreground.plain_background import PlainBackground
from vtoncompress.foreground.rembg import Rembg
from vtoncompress.image import write_image

needs_rembg = pytest.mark.skipif(importlib.util.find_spec("rembg") is None, reason="rembg is not installed")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A network that sees red, in the form of U2-Net's: (1, 3, 320, 320) -> (1, 1, 320, 320)."""
    monkeypatch.setenv("REMBG_HOME", str(tmp_path))
    monkeypatch.delenv("U2NET_HOME", raising=False)
    inputs, outputs = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 320, 320])
        for name, channels in (("picture", 3), ("shown", 1))
    )
    red = numpy_helper.from_array(np.array([1, -0.5, -0.5], np.float32).reshape(1, 3, 1, 1), "red")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["picture", "red"], ["shown"])], "g", [inputs], [outputs], [red]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "red.onnx")
    return str(tmp_path / "red.onnx")


@pytest.fixture
def photo() -> np.ndarray:
    """A red garment before a chequered wall, which is no plain background."""
    rows, columns = np.mgrid[:96, :72] // 8
    photo = np.where(((rows + columns) % 2)[..., None] == 1, 60, 210).astype(np.uint8).repeat(3, 2)
    photo[24:80, 20:52] = (200, 30, 40)
    return photo


@needs_rembg
def test_the_garment_is_found_where_its_background_is_not_plain(weights: str, photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not on a plain background: .*foreground=rembg"):
        PlainBackground()(photo)
    found, inside = Rembg("u2net_custom", weights)(photo) > 127, np.zeros((96, 72), bool)
    inside[24:80, 20:52] = True
    assert (found & inside).sum() / (found | inside).sum() > 0.9


@needs_rembg
def test_data_sets_and_the_try_on_command_use_it(
    weights: str, photo: np.ndarray, tmp_path: Path, command: Command
) -> None:
    write_dataset(Synthetic("test", 1, 128, 96), "dress_code", tmp_path / "set")
    write_image(tmp_path / "set" / "upper_body" / "images" / "000001_1.jpg", photo)
    told = (tmp_path / "set", "upper_body", "test_pairs_{pairing}.txt", 96, 72)
    with pytest.raises(ValueError, match=r"no mask for .*000001_1\.jpg: the garment is not on a plain background"):
        DressCode(*told)[0]
    data = DressCode(*told, foreground=Rembg("u2net_custom", weights))
    assert (data[0].garment_mask[30:70, 25:45] > 127).all()
    assert Path(weights) in data.files()
    write_image(tmp_path / "garment.png", photo)
    given = [f"person={tmp_path}/set/upper_body/images/000000_0.jpg", f"garment={tmp_path}/garment.png"]
    done = command("try_on", *given, f"out={tmp_path}/result.png")
    assert (done.code, "use foreground=rembg" in done.err) == (2, True)
    chosen = ["foreground=rembg", "foreground.model=u2net_custom", f"foreground.weights={weights}"]
    done = command("try_on", *given, *chosen, f"out={tmp_path}/result.png")
    assert (done.code, (tmp_path / "result.png").is_file()) == (0, True), done.err


@needs_rembg
def test_mistakes_are_told(weights: str, tmp_path: Path) -> None:
    for told, message in (
        (("u2",), "foreground.model=u2 is none of rembg's: choose one of .*u2net"),
        (("u2net", weights), "goes with a model whose name ends in _custom"),
        (("u2net_custom",), "goes with a model whose name ends in _custom"),
        (("u2net_custom", "nowhere.onnx"), "there is no file foreground.weights=nowhere.onnx"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            Rembg(*told)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="finds no garment"):
        Rembg("u2net_custom", weights)(_only_a_dot())
    Path(weights).write_bytes(b"torn")
    with pytest.raises(ValueError, match="rembg can't open .*red.onnx") as caught:
        Rembg("u2net_custom", weights)(_only_a_dot())
    assert "\n" not in str(caught.value)


def _only_a_dot() -> np.ndarray:
    picture = np.full((320, 320, 3), 128, np.uint8)
    picture[100:110, 100:110] = (255, 0, 0)
    return picture


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs the package rembg: make install EXTRAS=dev,rembg, or pip install"):
        Rembg()
