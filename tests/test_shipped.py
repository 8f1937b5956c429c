"""The weights that come with the package are the network that its config describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.model.cat_vton.conftest import TINY
from vtoncompress import checkpoint
from vtoncompress.data.base import Image, Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.metric.garment import INSIDE
from vtoncompress.metric.similarity import ssim_map
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.reference import pasted
from vtoncompress.sampling.dpm_solver import DPMSolver
from vtoncompress.shipped import FOLDER, checkpoint_folder
from vtoncompress.stage.model import open_model
from vtoncompress.try_on import pair_tensors, to_image

CONF = str(Path(__file__).parents[1] / "conf")


def _model(*overrides: str) -> dict[str, object]:
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = compose("config", [*overrides])
    found = OmegaConf.to_container(cfg.model, resolve=True)
    assert isinstance(found, dict)
    return {**found, "seed": 0}


def test_the_small_network_opens_with_trained_weights() -> None:
    model, origin = open_model(_model())
    assert origin == "checkpoint pf_afn_small"
    assert (model.size, model.arguments()["width"]) == ((128, 96), 0.25)
    assert 4e6 < sum(p.numel() for p in model.parameters()) < 6e6
    assert not model.training
    with torch.inference_mode():
        image = model(*model.example_inputs())["image"]
    assert torch.isfinite(image).all()


def test_the_small_cat_vton_comes_nearer_to_the_truth_than_pasting() -> None:
    model, origin = open_model(_model("model=cat_vton_small"))
    assert origin == "checkpoint cat_vton_small"
    assert sum(file.stat().st_size for file in (FOLDER / "cat_vton_small").iterdir()) < 25e6
    model.set_sampling(DPMSolver(steps=6, guidance=1.0))
    pairs = list(Synthetic("test", 8, *model.size))
    tensors = [pair_tensors(pair) for pair in pairs]
    with torch.inference_mode():
        given = (torch.from_numpy(np.concatenate([one[name] for one in tensors])) for name in model.inputs)
        painted = model(*given)["image"].numpy()
    scores = [_garment_ssim(to_image(one[None]), pair) for one, pair in zip(painted, pairs, strict=True)]
    assert np.mean(scores) > np.mean([_garment_ssim(pasted(pair).image, pair) for pair in pairs]) + 0.05


def _garment_ssim(picture: Image, pair: Pair) -> float:
    assert pair.truth is not None, "generated"
    assert pair.region is not None, "generated"
    return float(ssim_map(picture, pair.truth)[pair.region > INSIDE].mean())


def test_random_weights_follow_the_seed_and_say_so() -> None:
    options = _model("model.checkpoint=null", "model.network.width=0.0625")
    first, again, other = (open_model({**options, "seed": seed}) for seed in (1, 1, 2))
    assert (first[1], other[1]) == ("random, seed 1", "random, seed 2")
    states = [dict(model.named_parameters())["generator.model.model.0.weight"] for model, _ in (first, again, other)]
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_weights_of_another_network_than_the_config_s_are_refused() -> None:
    with pytest.raises(ValueError, match=r"has width=0\.25 and the config width=0\.5: change one of them"):
        open_model(_model("model.network.width=0.5"))
    with pytest.raises(ValueError, match=r"has convention=official and the config convention=seed"):
        open_model(_model("model.network.convention=seed"))


def test_names_and_folders(tmp_path: Path) -> None:
    assert checkpoint_folder("pf_afn_small") == FOLDER / "pf_afn_small"
    assert checkpoint_folder(str(tmp_path)) == tmp_path
    with pytest.raises(ValueError, match=r"there is no checkpoint nothing: .* shipped weights \(.*pf_afn_small.*\)"):
        checkpoint_folder("nothing")
    with pytest.raises(ValueError, match="there is no checkpoint"):
        checkpoint_folder("../weights/pf_afn_small")


def test_of_a_large_network_only_what_differs_is_told(tmp_path: Path) -> None:
    checkpoint.save(CatVTON((64, 48), **TINY), tmp_path)
    options: dict[str, Any] = _model("model=cat_vton_small", f"model.checkpoint='{tmp_path}'", "model.size=[64,48]")
    options["network"] |= TINY
    assert open_model(options)[1] == f"checkpoint {tmp_path.name}"
    options["network"] |= {"unet": {**TINY["unet"], "block_out_channels": [16, 8]}}
    with pytest.raises(ValueError, match="block_out_channels") as caught:
        open_model(options)
    told = str(caught.value).removeprefix(f"model.checkpoint={tmp_path} has ")
    assert told == "unet.block_out_channels=[8, 8] and the config unet.block_out_channels=[16, 8]: change one of them"
