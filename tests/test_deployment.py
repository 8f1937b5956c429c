"""A deployed folder opens when it is whole, says why when it is not, and needs no torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vtoncompress.data.synthetic import Synthetic
from vtoncompress.deployment import MANIFEST, add_figures, open_deployment, read_manifest, write_manifest
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.export.openvino_ir import write_ir
from vtoncompress.metric.base import Subject
from vtoncompress.metric.process import Process

SIZE = (64, 48)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An OpenVINO deployment that pastes the garment on the person."""
    import openvino
    from openvino import opset13 as ops

    def parameter(name: str, channels: int) -> Any:
        node = ops.parameter([1, channels, *SIZE], np.float32, name=name)
        node.output(0).set_names({name})
        return node

    person, garment, mask = parameter("person", 3), parameter("garment", 3), parameter("garment_mask", 1)
    keep = ops.subtract(ops.constant(np.float32(1)), mask)
    image = ops.add(ops.multiply(person, keep), ops.multiply(garment, mask))
    image.output(0).set_names({"image"})
    write_ir(openvino.Model([image], [person, garment, mask], "paste"), tmp_path)
    write_manifest(tmp_path, OpenVINOExporter(), model="paste", size=SIZE, versions={"openvino": "1"})
    return tmp_path


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads((folder / MANIFEST).read_text())
    change(values)
    (folder / MANIFEST).write_text(json.dumps(values))


def _error(folder: Path) -> str:
    with pytest.raises(ValueError, match=re.escape(str(folder))) as caught:
        open_deployment(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_manifest_says_what_a_caller_needs(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert (manifest.runtime, manifest.model, manifest.size) == ("openvino", "paste", SIZE)
    assert set(manifest.files) == {"model.xml", "model.bin"}
    assert {name: entry["shape"] for name, entry in manifest.inputs.items()} == {
        "person": [1, 3, *SIZE],
        "garment": [1, 3, *SIZE],
        "garment_mask": [1, 1, *SIZE],
    }
    assert manifest.outputs["image"]["range"] == [-1, 1]


def test_figures_are_added(folder: Path) -> None:
    add_figures(folder, "generated", {"ssim": 0.9})
    manifest = read_manifest(folder)
    assert manifest.protocol == "generated"
    assert manifest.measured == {"ssim": 0.9}


def test_a_process_of_its_own_starts_from_the_compiled_network_and_without_torch(folder: Path) -> None:
    pair, measured = Synthetic("test", 1, 128, 96)[:], Process(2)
    found = measured.measure(Subject(None, folder, None, None, pair))  # type: ignore[arg-type]
    assert found.values.keys() == set(Process.columns)
    every = [found.details["first"], *found.details["others"]]
    assert len(every) == 3
    assert not any(one["torch"] for one in every)
    assert all(1 < one["peak_mib"] <= found.values["peak_memory_mib"] for one in every[1:])
    with pytest.raises(ValueError, match="repetitions=0"):
        Process(0)


def test_only_what_is_compiled_can_be_kept_so(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    open_deployment(folder, cache=cache)
    assert list(cache.glob("*.blob"))
    _edit(folder, lambda values: values.update(exporter="onnx"))
    with pytest.raises(ValueError, match="onnx keeps no compiled network"):
        open_deployment(folder, cache=cache)


def test_opened_deployment_tries_on(folder: Path) -> None:
    person, garment = np.full((*SIZE, 3), 40, np.uint8), np.full((*SIZE, 3), 200, np.uint8)
    mask = np.zeros(SIZE, np.uint8)
    mask[10:20] = 255
    result = open_deployment(folder, threads=1)(person, garment, mask)
    assert (result[10:20] == 200).all()
    assert (result[20:] == 40).all()


def test_who_or_what_stays_gives_the_pictures_of_ordinary_calls(folder: Path) -> None:
    one, other = Synthetic("test", 2, 128, 96)[:]
    tryon = open_deployment(folder, threads=1)
    expected = tryon(other.person, one.garment, one.garment_mask)
    wear, try_garment = tryon.with_garment(one.garment, one.garment_mask), tryon.with_person(other.person)
    assert wear is not None
    assert try_garment is not None
    np.testing.assert_array_equal(wear(other.person), expected)
    np.testing.assert_array_equal(try_garment(one.garment, one.garment_mask), expected)
    assert not np.array_equal(wear(one.person), expected)
    assert not np.array_equal(try_garment(other.garment, other.garment_mask), expected)


def test_opening_and_calling_imports_no_torch(folder: Path) -> None:
    code = (
        "import sys, numpy as np\n"
        "from vtoncompress.deployment import open_deployment\n"
        "picture = np.zeros((64, 48, 3), np.uint8)\n"
        "open_deployment(sys.argv[1])(picture, picture, picture[..., 0])\n"
        "print(sorted({'torch', 'hydra', 'nncf', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_a_folder_without_manifest(tmp_path: Path) -> None:
    assert MANIFEST in _error(tmp_path)
    assert MANIFEST in _error(tmp_path / "missing")


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"format": 1', "\x00"])
def test_a_damaged_manifest(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    assert MANIFEST in _error(folder)


def test_another_format(folder: Path) -> None:
    _edit(folder, lambda values: values.update(format=99))
    assert "format 99" in _error(folder)


@pytest.mark.parametrize("field, value", [("size", [1]), ("size", None), ("files", 3), ("surprise", 1)])
def test_wrong_fields(folder: Path, field: str, value: object) -> None:
    _edit(folder, lambda values: values.update({field: value}))
    assert "wrong fields" in _error(folder)


def test_a_changed_and_a_missing_file(folder: Path) -> None:
    (folder / "model.xml").write_text((folder / "model.xml").read_text() + " ")
    assert "model.xml was changed" in _error(folder)
    (folder / "model.xml").unlink()
    assert "model.xml is missing" in _error(folder)


def test_files_outside_the_folder_are_refused(folder: Path) -> None:
    _edit(folder, lambda values: values["files"].update({"../secret": "0"}))
    assert "outside" in _error(folder)


@pytest.mark.parametrize("name", ["os", "nothing_like_it", "../pickle", "torch.hub", "", "base", None, 3])
def test_only_this_package_s_exporters_are_opened(folder: Path, name: object) -> None:
    _edit(folder, lambda values: values.update(exporter=name))
    assert "export the network again" in _error(folder)
