"""What is saved opens as the same network; what is damaged or foreign gives one line, and nothing in it is run."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vtoncompress import checkpoint
from vtoncompress.checkpoint import STRUCTURE, WEIGHTS
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.one_shot import OneShot


@pytest.fixture
def folder(toys: dict[str, PFAFN], tmp_path: Path) -> Path:
    checkpoint.save(toys["seed"], tmp_path / "network")
    return tmp_path / "network"


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    structure = json.loads((folder / STRUCTURE).read_text())
    change(structure)
    (folder / STRUCTURE).write_text(json.dumps(structure))


def _error(folder: Path) -> str:
    with pytest.raises(ValueError, match=folder.name) as caught:
        checkpoint.load(folder)
    assert "\n" not in str(caught.value).strip()
    return str(caught.value)


def _same(first: nn.Module, second: nn.Module) -> bool:
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def test_a_network_survives_the_disk_to_the_bit(toys: dict[str, PFAFN], folder: Path, inputs: list[Tensor]) -> None:
    model = toys["seed"]
    opened = checkpoint.load(folder)
    assert opened.arguments() == model.arguments() == {"width": 1 / 16, "size": [128, 96], "convention": "seed"}
    assert not opened.training
    assert _same(opened, model)
    with torch.inference_mode():
        assert torch.equal(opened(*inputs)["image"], model(*inputs)["image"])


def test_a_pruned_network_keeps_its_widths(toy: PFAFN, tmp_path: Path, inputs: list[Tensor]) -> None:
    OneShot(0.3).prune(toy, ["generator"], MagnitudeL2())
    checkpoint.save(toy, tmp_path)
    opened = checkpoint.load(tmp_path)
    assert _same(opened, toy)
    for name, layer in toy.named_modules():
        other = opened.get_submodule(name)
        if isinstance(layer, nn.Conv2d):
            assert (other.in_channels, other.out_channels) == (layer.in_channels, layer.out_channels), name
        if isinstance(layer, nn.BatchNorm2d):
            assert other.num_features == layer.num_features, name
    with torch.inference_mode():
        assert torch.equal(opened(*inputs)["image"], toy(*inputs)["image"])


def test_saving_again_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    checkpoint.save(checkpoint.load(folder), tmp_path / "again")
    for name in (STRUCTURE, WEIGHTS):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_float16_halves_the_file_and_opens_as_float32(toys: dict[str, PFAFN], folder: Path, tmp_path: Path) -> None:
    checkpoint.save(toys["seed"], tmp_path / "half", torch.float16)
    assert (tmp_path / "half" / WEIGHTS).stat().st_size < 0.6 * (folder / WEIGHTS).stat().st_size
    opened = checkpoint.load(tmp_path / "half")
    for key, value in toys["seed"].state_dict().items():
        assert opened.state_dict()[key].dtype == value.dtype
        torch.testing.assert_close(opened.state_dict()[key], value, rtol=1e-3, atol=1e-4)


def test_no_pickle_is_written_or_read(folder: Path, toys: dict[str, PFAFN], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("pickle")

    for module, name in [(torch, "load"), (torch, "save"), (pickle, "load"), (pickle, "loads"), (pickle, "dump")]:
        monkeypatch.setattr(module, name, refuse)
    assert _same(checkpoint.load(folder), toys["seed"])
    checkpoint.save(toys["seed"], folder)
    assert {path.name for path in folder.iterdir()} == {STRUCTURE, WEIGHTS}
    json.loads((folder / STRUCTURE).read_text())
    assert int.from_bytes((folder / WEIGHTS).read_bytes()[:8], "little") < (folder / WEIGHTS).stat().st_size


@pytest.mark.parametrize("name", [STRUCTURE, WEIGHTS])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"{name} is missing" in _error(folder)
    assert "is no checkpoint" in _error(folder.parent / "network_elsewhere")


@pytest.mark.parametrize("text", [b"", b'{"format": 1', b"\xff\xfe", b"[1, 2]", b"null", b'"text"'])
def test_a_damaged_structure_says_so(folder: Path, text: bytes) -> None:
    (folder / STRUCTURE).write_bytes(text)
    assert "damaged" in _error(folder)


@pytest.mark.parametrize("keep", [0, 4, 1000, -100])
def test_weights_that_were_cut_short_say_so(folder: Path, keep: int) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:keep])
    assert "damaged" in _error(folder)


def test_files_of_two_networks_say_so(folder: Path, tmp_path: Path) -> None:
    checkpoint.save(PFAFN(1 / 32, (128, 96)), tmp_path / "other")
    (folder / WEIGHTS).write_bytes((tmp_path / "other" / WEIGHTS).read_bytes())
    assert "disagree on shapes" in _error(folder)


@pytest.mark.parametrize("lost", ["generator.model.model.0.weight", "warp.image_FPN.smooth.0.bias"])
def test_a_tensor_that_is_lacking_is_named(folder: Path, lost: str) -> None:
    state = load_file(folder / WEIGHTS)
    del state[lost]
    save_file(state, folder / WEIGHTS)
    _edit(folder, lambda structure: structure["shapes"].pop(lost))
    assert lost in _error(folder)


def test_a_tensor_of_a_shape_that_no_layer_can_have_says_so(folder: Path) -> None:
    name = "generator.model.model.0.weight"
    state = load_file(folder / WEIGHTS)
    state[name] = torch.zeros(3)
    save_file(state, folder / WEIGHTS)
    _edit(folder, lambda structure: structure["shapes"].update({name: [3]}))
    assert "does not fit its own structure" in _error(folder)


def test_another_format_says_which(folder: Path) -> None:
    _edit(folder, lambda structure: structure.update(format=99))
    assert "has format 99, this version reads 1" in _error(folder)


def test_code_of_others_is_never_imported(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tmp_path / "executed"
    (tmp_path / "foreign_network.py").write_text(
        f"from pathlib import Path\nPath({str(trap)!r}).touch()\nclass Network:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    _edit(folder, lambda structure: structure.update(model="foreign_network.Network"))
    assert "'foreign_network.Network', which is no try-on model of this version" in _error(folder)
    assert "foreign_network" not in sys.modules
    assert not trap.exists()


@pytest.mark.parametrize(
    "name",
    [
        "vtoncompress.model.base.TryOnModel",  # abstract
        "vtoncompress.model.pf_afn.generator.Generator",  # a network, but no try-on model
        "vtoncompress.model.pf_afn.pf_afn.find_convention",
        "vtoncompress.model.pf_afn.pf_afn.Nothing",
        "vtoncompress.model.nothing.Network",
        "vtoncompress.model..os.system",
        "os.system",
        "PFAFN",
        "",
        None,
        7,
    ],
)
def test_only_try_on_models_of_this_package_are_built(folder: Path, name: object) -> None:
    _edit(folder, lambda structure: structure.update(model=name))
    assert "is no try-on model of this version" in _error(folder)


@pytest.mark.parametrize("arguments", [{}, {"width": 1, "colour": 2}, None, [1]])
def test_arguments_that_do_not_fit_the_class_say_so(folder: Path, arguments: object) -> None:
    _edit(folder, lambda structure: structure.update(arguments=arguments))
    assert "does not fit PFAFN" in _error(folder)
