"""Upstream's layout, whose files a user brings: a tiny network is written in it by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conftest import Command
from tests.model.cat_vton.conftest import CONFIG, arguments
from tests.pruning.cat_vton import ATTENTION, FEED_FORWARD, tiny
from vtoncompress.criterion.magnitude_l1 import MagnitudeL1
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.official import (
    check_official,
    load_attention,
    load_official,
    save_attention,
    save_official,
)
from vtoncompress.model.cat_vton.unet import attention_state, build_whole_unet
from vtoncompress.pruning.one_shot import OneShot
from vtoncompress.stage.files import weight_files
from vtoncompress.stage.model import open_model

OLD = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory, model: CatVTON) -> Path:
    """As it is published: the UNet with cross-attention as a pickle, an old autoencoder, attention apart."""
    folder = tmp_path_factory.mktemp("upstream")
    torch.manual_seed(1)
    whole = build_whole_unet(CONFIG["unet_config"]).state_dict()
    state = {**whole, **{name: tensor for name, tensor in model.unet.state_dict().items() if "attn1" not in name}}
    vae = {_old(name): tensor for name, tensor in model.vae.state_dict().items()}
    for part, config in (("unet", CONFIG["unet_config"]), ("sd-vae-ft-mse", CONFIG["vae_config"])):
        (folder / part).mkdir()
        (folder / part / "config.json").write_text(json.dumps({"_diffusers_version": "0.6.0", **config}))
    (folder / "scheduler").mkdir()
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(CONFIG["scheduler_config"]))
    torch.save(state, folder / "unet/diffusion_pytorch_model.bin")
    save_file(vae, folder / "sd-vae-ft-mse/diffusion_pytorch_model.safetensors")
    (folder / "mix-48k-1024/attention").mkdir(parents=True)
    save_file(attention_state(model.unet), folder / "mix-48k-1024/attention/model.safetensors")
    return folder


def _old(name: str) -> str:
    for new, old in OLD.items():
        name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
    return name


def fresh(**changes: Any) -> CatVTON:
    torch.manual_seed(2)
    return CatVTON(**{**arguments(), **changes}).eval()


def official(upstream: Path, attention: str | None = None) -> dict[str, Any]:
    """As ``model.official`` gives it."""
    found = {"base": str(upstream), "vae": str(upstream / "sd-vae-ft-mse")}
    target = f"{load_official.__module__}.{load_official.__name__}"
    return {"_target_": target, **found, "attention": attention and str(upstream / attention)}


def same(first: CatVTON, second: CatVTON) -> bool:
    other = second.state_dict()
    return all(torch.equal(tensor, other[name]) for name, tensor in first.state_dict().items())


def test_upstreams_files_give_upstreams_network(upstream: Path, model: CatVTON, tmp_path: Path) -> None:
    opened = fresh()
    load_official(opened, upstream, upstream / "sd-vae-ft-mse", upstream / "mix-48k-1024")
    assert same(opened, model)
    save_official(opened, tmp_path / "whole")
    again = fresh()
    load_official(again, tmp_path / "whole", None, None)
    assert same(again, model)


def test_attention_goes_both_ways(model: CatVTON, tmp_path: Path) -> None:
    save_attention(model, tmp_path)
    assert [*sorted(load_file(tmp_path / "attention/model.safetensors"))] == sorted(CONFIG["attention_checkpoint_keys"])
    other = fresh()
    before = other.unet.conv_in.weight.clone()
    load_attention(other, tmp_path)
    expected = attention_state(model.unet)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in attention_state(other.unet).items())
    assert torch.equal(other.unet.conv_in.weight, before)


def test_safetensors_come_before_a_pickle(upstream: Path, model: CatVTON, tmp_path: Path) -> None:
    shutil.copytree(upstream, tmp_path, dirs_exist_ok=True)
    save_file(model.unet.state_dict(), tmp_path / "unet/diffusion_pytorch_model.safetensors")
    (tmp_path / "unet/diffusion_pytorch_model.bin").write_bytes(b"never opened")
    opened = fresh()
    load_official(opened, tmp_path, tmp_path / "sd-vae-ft-mse", None)
    assert same(opened, model)


@pytest.mark.parametrize(
    ("base", "vae", "attention", "message"),
    [
        ("nowhere", None, None, "there is no .*nowhere: give the folder"),
        (
            "scheduler",
            None,
            None,
            "has no unet/diffusion_pytorch_model.safetensors or unet/diffusion_pytorch_model.bin",
        ),
        ("", None, None, "has no vae/diffusion_pytorch_model.safetensors"),
        ("", "sd-vae-ft-mse", "scheduler", "has no attention/model.safetensors"),
        ("", "unet", None, "does not fit the vae|config.json is of another network"),
    ],
)
def test_a_wrong_folder_or_missing_file_is_one_line(
    upstream: Path, base: str, vae: str | None, attention: str | None, message: str
) -> None:
    opened = fresh()
    with pytest.raises(ValueError, match=message) as caught:
        load_official(opened, upstream / base, vae and upstream / vae, attention and upstream / attention)
    assert "\n" not in str(caught.value)
    assert same(opened, fresh())


def test_another_width_is_told(upstream: Path) -> None:
    wider = fresh(unet={**CONFIG["unet_config"], "block_out_channels": [64, 64, 64, 64]})
    with pytest.raises(ValueError, match=r"block_out_channels is \[32, 64, 64, 64\], in the model \[64, 64, 64, 64\]"):
        load_official(wider, upstream, upstream / "sd-vae-ft-mse", None)
    with pytest.raises(ValueError, match="another width"):
        load_attention(wider, upstream / "mix-48k-1024")


def test_a_pickle_that_would_run_code_is_refused(upstream: Path, tmp_path: Path) -> None:
    torch.save({"conv_in.weight": Path("x")}, tmp_path / "model.bin")
    with pytest.raises(ValueError, match="would run code"):
        load_official(fresh(), tmp_path / "model.bin", upstream / "sd-vae-ft-mse", None)


def test_what_does_not_fit_is_told_without_weights(upstream: Path, tmp_path: Path) -> None:
    given = upstream, upstream / "sd-vae-ft-mse", upstream / "mix-48k-1024"
    with torch.device("meta"):
        fitting = fresh()
        deeper = fresh(unet={**CONFIG["unet_config"], "layers_per_block": 2})
    check_official(fitting, *given)
    with pytest.raises(ValueError, match=r"layers_per_block is 1, in the model 2; set model.network.unet.layers_per"):
        check_official(deeper, *given)
    with pytest.raises(ValueError, match=r"has no attention/model.safetensors"):
        check_official(fitting, *given[:2], upstream / "scheduler")
    alone = Path(shutil.copy(upstream / "unet/diffusion_pytorch_model.bin", tmp_path))
    with pytest.raises(ValueError, match=r"does not fit the unet: \d+ keys are missing"):
        check_official(deeper, alone, *given[1:])
    alone.write_bytes(alone.read_bytes()[:1000])
    with pytest.raises(ValueError, match="is no PyTorch checkpoint, or cut short"):
        check_official(fitting, alone, *given[1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["base=nowhere"], "there is no nowhere: give the folder of upstream's files"),
        (["vae=sd-vae-ft-mse"], "model.official.base is not given"),
        (["base=.", "vae=sd-vae-ft-mse"], "config.json is of another network: attention_head_dim is"),
    ],
)
def test_a_run_is_refused_before_any_work(
    options: list[str], message: str, upstream: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(upstream)
    told = [f"model.official.{option}" for option in options]
    done = command("run", "model=cat_vton_small", "model.checkpoint=null", *told, "quantization=none,hybrid", "-m")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err
    assert not (upstream / "results").exists()


def test_only_the_files_of_this_network_are_read(upstream: Path) -> None:
    model = {"checkpoint": None, "official": official(upstream)}
    (upstream / "text_encoder").mkdir(exist_ok=True)
    (upstream / "text_encoder/model.safetensors").write_bytes(b"of another network")
    assert {str(path.relative_to(upstream)) for path in weight_files(model)} == {
        "unet/diffusion_pytorch_model.bin", "unet/config.json", "scheduler/scheduler_config.json",
        "sd-vae-ft-mse/diffusion_pytorch_model.safetensors", "sd-vae-ft-mse/config.json",
    }  # fmt: skip


def test_weights_say_whether_the_attention_is_catvtons(upstream: Path) -> None:
    options = {
        "checkpoint": None,
        "seed": 0,
        "network": {"_target_": "vtoncompress.model.cat_vton.CatVTON", **arguments()},
        "official": official(upstream),
    }
    assert open_model(options)[1] == "official checkpoint files of unet, vae, scheduler"
    options["official"] = official(upstream, "mix-48k-1024")
    assert open_model(options)[1] == "official checkpoint files of unet, vae, scheduler, attention"


@pytest.mark.parametrize("scope", [ATTENTION, FEED_FORWARD])
def test_a_pruned_network_has_no_place_in_upstreams_layout(scope: list[str], tmp_path: Path) -> None:
    pruned = tiny()
    save_official(pruned, tmp_path / "dense")
    OneShot(0.5).prune(pruned, scope, MagnitudeL1())
    with pytest.raises(ValueError, match="the network is pruned, for which upstream's layout has no place"):
        save_official(pruned, tmp_path / "pruned")
    assert not (tmp_path / "pruned").exists()
