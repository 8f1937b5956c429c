"""Published checkpoints load; what is none says so in one line, and no code of a file is ever run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
import torch_pruning as tp
from safetensors.torch import save_file
from torch import Tensor

from vtoncompress import checkpoint
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.official import load_official
from vtoncompress.pruning.one_shot import OneShot

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


HISTORY = [("encoders.0.0.block.2", True, [0, 3]), ("encoders.1.0.block.2", True, (1,))]


@pytest.fixture(scope="module")
def pruned() -> PFAFN:
    """Every part with widths of its own: parts lose different shares, and one pyramid level keeps all."""
    torch.manual_seed(1)
    model = PFAFN(WIDTH, (64, 64), "seed").eval()
    for scope, ratio in (("warp.image_features", 0.5), ("warp.aflow_net", 0.4), ("generator", 0.3)):
        OneShot(ratio).prune(model, [scope], MagnitudeL2())
    pyramids = ["warp.image_FPN", "warp.cond_FPN"]
    OneShot(0.25, ratios={"warp.image_FPN.smooth.4": 0}).prune(model, pyramids, MagnitudeL2())
    return model


@pytest.fixture
def whole() -> PFAFN:
    torch.manual_seed(2)
    return PFAFN(WIDTH, (64, 64), "seed")


def _files(folder: Path, model: PFAFN, **beside: object) -> dict[str, Path]:
    files = {part: folder / f"{part}.pth" for part in model.parts}
    for part, file in files.items():
        state = model.parts[part].state_dict()
        torch.save({"model": state, **beside} if beside else state, file)
    return files


def _outputs(model: PFAFN) -> list[Tensor]:
    torch.manual_seed(3)
    with torch.inference_mode():
        return [*model.eval()(*(torch.rand_like(one) for one in model.example_inputs())).values()]


@pytest.mark.parametrize(
    "beside",
    [
        {"pruning_history": HISTORY},
        {"pruning": HISTORY, "epoch": 3, "attributes": {"encoders.0.0.block.2": {"out_channels": 2}}},
        {},
    ],
)
def test_a_pruned_network_opens_by_the_widths_of_its_tensors(
    tmp_path: Path, pruned: PFAFN, whole: PFAFN, beside: dict[str, object]
) -> None:
    load_official(whole, **_files(tmp_path, pruned, **beside))
    assert {key: value.shape for key, value in whole.state_dict().items()} == {
        key: value.shape for key, value in pruned.state_dict().items()
    }
    assert _equal(whole, pruned)
    for name, layer in pruned.named_modules():
        other = whole.get_submodule(name)
        if isinstance(layer, torch.nn.Conv2d):
            assert (other.in_channels, other.out_channels) == (layer.in_channels, layer.out_channels), name
    assert all(torch.equal(*both) for both in zip(_outputs(whole), _outputs(pruned), strict=True))


def test_a_history_that_torch_pruning_wrote_itself(tmp_path: Path, whole: PFAFN) -> None:
    source = PFAFN(WIDTH, (64, 64), "seed")
    pruner = tp.pruner.BasePruner(
        source.generator,
        torch.zeros(1, 7, 64, 64),
        tp.importance.MagnitudeImportance(p=2),
        pruning_ratio=0.5,
        ignored_layers=[source.generator.model.model[-1]],
    )
    pruner.step()
    assert len(pruner.pruning_history()) > 20
    content = {"model": source.generator.state_dict(), "pruning_history": pruner.pruning_history()}
    torch.save(content, tmp_path / "gen.pth")
    load_official(whole, None, tmp_path / "gen.pth")
    assert _equal(whole.generator, source.generator)
    assert whole.generator.model.model[0].out_channels == 2


def test_a_pruned_part_beside_a_whole_one(tmp_path: Path, pruned: PFAFN, whole: PFAFN, source: PFAFN) -> None:
    files = _files(tmp_path, pruned, pruning_history=HISTORY)
    torch.save(source.generator.state_dict(), files["generator"])
    load_official(whole, **files)
    assert _equal(whole.warp, pruned.warp)
    assert _equal(whole.generator, source.generator)
    assert all(torch.isfinite(output).all() for output in _outputs(whole))


def test_a_pruned_network_survives_our_own_format(tmp_path: Path, pruned: PFAFN, whole: PFAFN) -> None:
    load_official(whole, **_files(tmp_path, pruned, pruning_history=HISTORY))
    checkpoint.save(whole, tmp_path / "network")
    opened = checkpoint.load(tmp_path / "network")
    assert isinstance(opened, PFAFN)
    assert all(torch.equal(*both) for both in zip(_outputs(opened), _outputs(pruned), strict=True))


def test_a_pruned_network_s_old_batch_norms_may_lack_their_counters(
    tmp_path: Path, pruned: PFAFN, whole: PFAFN
) -> None:
    state = {key: value for key, value in pruned.warp.state_dict().items() if "num_batches" not in key}
    torch.save({"model": state, "pruning_history": HISTORY}, tmp_path / "warp.pth")
    load_official(whole, tmp_path / "warp.pth", None)
    assert _equal(whole.warp, pruned.warp)


def test_all_narrower_alike_is_another_width_unless_the_file_says_that_it_is_pruned(
    tmp_path: Path, whole: PFAFN
) -> None:
    """Of a smaller network the correlation has another divisor, which no tensor shows."""
    narrow = PFAFN(1 / 32, (64, 64), "seed")
    assert "set model.network.width=0.03125" in _error(whole, _files(tmp_path, narrow)["warp"])
    load_official(whole, _files(tmp_path, narrow, pruning_history=HISTORY)["warp"], None)
    assert _equal(whole.warp, narrow.warp)


@pytest.mark.parametrize(
    "layer, told",
    [
        ("cond_FPN.smooth.2", "image_FPN.smooth.2 has 16, cond_FPN.smooth.2 has 15"),
        ("image_FPN.adaptive.3", "image_FPN.adaptive.3 has 15, cond_FPN.adaptive.3 has 16"),
        ("image_FPN.adaptive.0", "widths disagree at image_FPN.smooth.0"),
        ("cond_features.encoders.1.0.block.2", "widths disagree at cond_features.encoders.1.1.block.0"),
        ("aflow_net.netRefine.1.2", "widths disagree at aflow_net.netRefine.1.4"),
    ],
)
def test_tied_widths_that_disagree_are_named(tmp_path: Path, whole: PFAFN, layer: str, told: str) -> None:
    state = PFAFN(WIDTH, (64, 64), "seed").warp.state_dict()
    for key in (f"{layer}.weight", f"{layer}.bias"):
        if key in state:
            state[key] = state[key][:-1].clone()
    torch.save({"model": state, "pruning_history": HISTORY}, tmp_path / "warp.pth")
    assert told in _error(whole, tmp_path / "warp.pth")


def test_both_pyramids_narrower_than_what_joins_them_is_told(tmp_path: Path, whole: PFAFN) -> None:
    state = PFAFN(WIDTH, (64, 64), "seed").warp.state_dict()
    for side in ("image", "cond"):
        for key in ("weight", "bias"):
            name = f"{side}_FPN.smooth.4.{key}"
            state[name] = state[name][:-2].clone()
    torch.save({"model": state}, tmp_path / "warp.pth")
    assert "widths disagree at aflow_net.netRefine.4.0 (Given" in _error(whole, tmp_path / "warp.pth")


def test_a_wider_layer_is_of_no_pruned_network(tmp_path: Path, whole: PFAFN) -> None:
    state = whole.generator.state_dict()
    state["model.model.0.weight"] = torch.zeros(5, 7, 3, 3)
    torch.save({"model": state, "pruning_history": HISTORY}, tmp_path / "gen.pth")
    assert "1 shapes differ (model.model.0.weight is [5, 7, 3, 3], not [4, 7, 3, 3])" in _error(
        whole, None, tmp_path / "gen.pth"
    )


@pytest.mark.parametrize("where", ["model", "history"])
def test_a_pruned_file_of_objects_is_refused_with_a_remedy(
    tmp_path: Path, pruned: PFAFN, whole: PFAFN, where: str
) -> None:
    trap = tmp_path / "executed"
    content = {
        "model": {"model": pruned.warp, "pruning_history": HISTORY},
        "history": {"model": pruned.warp.state_dict(), "pruning_history": _Malicious(trap)},
    }[where]
    torch.save(content, tmp_path / "warp.pth")
    message = _error(whole, tmp_path / "warp.pth")
    assert "would run code: where it was made, save its state dict alone, torch.save(network.state_dict(), " in message
    assert not trap.exists()
