"""The command that writes weights: both layouts open as what they were, and a mistake is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import Command
from tests.pruning.cat_vton import ATTENTION, tiny
from vtoncompress import checkpoint
from vtoncompress.criterion.magnitude_l1 import MagnitudeL1
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.official import load_official
from vtoncompress.model.cat_vton.unet import attention_state
from vtoncompress.pruning.one_shot import OneShot


def same(first: TryOnModel, second: TryOnModel) -> bool:
    other = second.state_dict()
    return all(torch.equal(tensor, other[name]) for name, tensor in first.state_dict().items())


@pytest.fixture
def model(tmp_path: Path) -> CatVTON:
    """Its checkpoint is ``tmp_path / "ours"``."""
    model = tiny()
    torch.nn.init.constant_(next(iter(attention_state(model.unet).values())), 3.0)
    model.latent_scale.fill_(0.7)
    checkpoint.save(model, tmp_path / "ours")
    return model


def test_a_checkpoint_goes_to_upstreams_layout_and_its_attention_into_another(
    model: CatVTON, command: Command, tmp_path: Path
) -> None:
    done = command("write_weights", f"checkpoint={tmp_path / 'ours'}", f"out={tmp_path / 'theirs'}")
    assert (done.code, done.out, done.err) == (0, f"{tmp_path / 'theirs'}\n", "")
    assert {path.name for path in (tmp_path / "theirs").iterdir()} == {"unet", "vae", "scheduler", "attention"}
    opened = CatVTON(**model.arguments())
    load_official(opened, tmp_path / "theirs", None, None)
    assert same(opened, model)

    other = tiny()
    checkpoint.save(other, tmp_path / "other")
    command("write_weights", f"checkpoint={tmp_path / 'ours'}", f"out={tmp_path / 'alone'}", "layout=attention")
    assert [path.name for path in (tmp_path / "alone").rglob("*.safetensors")] == ["model.safetensors"]
    told = (f"checkpoint={tmp_path / 'other'}", f"attention={tmp_path / 'alone'}", "layout=checkpoint")
    done = command("write_weights", *told, f"out={tmp_path / 'both'}")
    assert done.code == 0
    both = checkpoint.load(tmp_path / "both")
    assert isinstance(both, CatVTON)
    expected = attention_state(model.unet)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in attention_state(both.unet).items())
    assert torch.equal(both.unet.conv_in.weight, other.unet.conv_in.weight)


def test_a_mistake_is_one_line_and_writes_nothing(model: CatVTON, command: Command, tmp_path: Path) -> None:
    OneShot(0.5).prune(model, ATTENTION, MagnitudeL1())
    checkpoint.save(model, tmp_path / "pruned")
    out = f"out={tmp_path / 'out'}"
    for told, message in (
        ([f"checkpoint={tmp_path / 'pruned'}", out], "the network is pruned, for which upstream's layout has no place"),
        ([f"checkpoint={tmp_path / 'pruned'}", out, "layout=attention"], "the network is pruned"),
        (["checkpoint=pf_afn_small", out], "checkpoint=pf_afn_small is of PFAFN: upstream's layout is CatVTON's"),
        ([f"checkpoint={tmp_path / 'ours'}", out, "layout=theirs"], "choose one of upstream, attention, checkpoint"),
        ([f"checkpoint={tmp_path / 'ours'}", f"out={tmp_path / 'ours'}"], "exists: choose a new folder"),
        ([f"checkpoint={tmp_path / 'ours'}", out, f"attention={tmp_path / 'ours'}"], "has no attention/model.safetens"),
        ([out], "checkpoint"),
    ):
        done = command("write_weights", *told)
        assert (done.code, done.err.count("\n")) == (2, 1), done.err
        assert message in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"ours", "pruned"}
