"""Published checkpoints load; what is none says so in one line, and no code of a file is ever run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.official import load_official

WIDTH = 1 / 16


@pytest.fixture(scope="module")
def source() -> PFAFN:
    torch.manual_seed(1)
    return PFAFN(WIDTH, (64, 64))


@pytest.fixture
def model() -> PFAFN:
    torch.manual_seed(2)
    return PFAFN(WIDTH, (64, 64))


def _equal(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    other = second.state_dict()
    return all(torch.equal(value, other[key]) for key, value in first.state_dict().items())


def _error(model: PFAFN, warp: Path | None, generator: Path | None = None) -> str:
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"\.(pth|safetensors)") as caught:
        load_official(model, warp, generator)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    return str(caught.value)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("legacy", [False, True])
def test_official_layout(tmp_path: Path, source: PFAFN, model: PFAFN, prefix: str, legacy: bool) -> None:
    warp = {prefix + key: value for key, value in source.warp.state_dict().items()}
    warp[prefix + "aflow_net.weight"] = torch.zeros(4, 1, 3, 3)
    generator = {prefix + key: value for key, value in source.generator.state_dict().items()}
    torch.save(warp, tmp_path / "warp.pth", _use_new_zipfile_serialization=not legacy)
    torch.save(generator, tmp_path / "gen.pth", _use_new_zipfile_serialization=not legacy)
    load_official(model, tmp_path / "warp.pth", str(tmp_path / "gen.pth"))
    assert _equal(model, source)


def test_one_part_alone_leaves_the_other(tmp_path: Path, source: PFAFN, model: PFAFN) -> None:
    torch.save(source.generator.state_dict(), tmp_path / "gen.pth")
    load_official(model, None, tmp_path / "gen.pth")
    assert _equal(model.generator, source.generator)
    assert not _equal(model.warp, source.warp)


def test_safetensors(tmp_path: Path, source: PFAFN, model: PFAFN) -> None:
    save_file(source.warp.state_dict(), tmp_path / "warp.safetensors")
    load_official(model, tmp_path / "warp.safetensors", None)
    assert _equal(model.warp, source.warp)
    (tmp_path / "warp.safetensors").write_bytes((tmp_path / "warp.safetensors").read_bytes()[:-100])
    assert "cut short" in _error(model, tmp_path / "warp.safetensors")


def test_batch_counters_may_be_missing(tmp_path: Path, source: PFAFN, model: PFAFN) -> None:
    old = {key: value for key, value in source.warp.state_dict().items() if "num_batches" not in key}
    torch.save(old, tmp_path / "warp.pth")
    load_official(model, tmp_path / "warp.pth", None)
    assert _equal(model.warp, source.warp)


def test_the_other_part_s_file_is_refused_with_keys(tmp_path: Path, source: PFAFN, model: PFAFN) -> None:
    torch.save(source.generator.state_dict(), tmp_path / "gen.pth")
    message = _error(model, tmp_path / "gen.pth")
    assert "does not fit the warp network" in message
    assert "keys are missing (image_features." in message
    assert "model.model.0.weight" in message


def test_nothing_is_loaded_when_the_second_file_does_not_fit(tmp_path: Path, source: PFAFN, model: PFAFN) -> None:
    torch.save(source.warp.state_dict(), tmp_path / "warp.pth")
    assert "generator" in _error(model, tmp_path / "warp.pth", tmp_path / "warp.pth")


def test_another_width_is_named(tmp_path: Path, model: PFAFN) -> None:
    torch.save(PFAFN(1 / 8, (64, 64)).generator.state_dict(), tmp_path / "gen.pth")
    message = _error(model, None, tmp_path / "gen.pth")
    assert "is [8, 7, 3, 3], not [4, 7, 3, 3]" in message
    assert "set model.network.width=0.125" in message


class _Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_no_code_is_run(tmp_path: Path, model: PFAFN, writer: str) -> None:
    path, trap = tmp_path / "warp.pth", tmp_path / "executed"
    content = {"aflow_net.weight": _Malicious(trap)}
    if writer == "torch":
        torch.save(content, path)
        assert "would run code" in _error(model, path)
    else:
        path.write_bytes(pickle.dumps(content))
        _error(model, path)
    assert not trap.exists()


def test_what_is_no_checkpoint(tmp_path: Path, source: PFAFN, model: PFAFN) -> None:
    assert "check the path" in _error(model, tmp_path / "missing.pth")
    (tmp_path / "text.pth").write_text("these are not weights")
    assert "no PyTorch checkpoint" in _error(model, tmp_path / "text.pth")
    torch.save(source.warp.state_dict(), tmp_path / "torn.pth")
    (tmp_path / "torn.pth").write_bytes((tmp_path / "torn.pth").read_bytes()[:50_000])
    assert "cut short" in _error(model, tmp_path / "torn.pth")
    for content in ([1, 2], {}, {"state_dict": source.warp.state_dict()}):
        torch.save(content, tmp_path / "other.pth")
        assert "save model.state_dict()" in _error(model, tmp_path / "other.pth")
    torch.save(source.warp, tmp_path / "module.pth")
    assert "would run code" in _error(model, tmp_path / "module.pth")
