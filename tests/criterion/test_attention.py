"""Every criterion ranks CatVTON's linear layers, heads and gates, and tells another loss than CatVTON's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.conftest import ROOT
from tests.model.cat_vton.conftest import TINY_OF_8
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.pruning.one_shot import OneShot
from vtoncompress.pruning.reached import compare, count
from vtoncompress.sampling.ddim import DDIM

CRITERIA = sorted(path.stem for path in (ROOT / "conf" / "criterion").glob("*.yaml"))
SMALL = ["criterion.pairs=1", "criterion.samples=2", "criterion.batch_size=2", "finetuning.workers=0"]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_it_ranks_all_that_a_unet_has(criterion: str, tmp_path: Path) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", ["model=cat_vton_small", f"criterion={criterion}", *SMALL, "finetuning/loss=noise"])
    torch.manual_seed(0)
    model, data = CatVTON((128, 96), **TINY_OF_8).eval(), Synthetic("train", 2, 128, 96)
    model.set_sampling(DDIM(steps=1))
    dense, ranks = count(model, ["unet"]), instantiate(cfg.criterion)
    ranks.check_model(model)
    OneShot(0.5).prune(model, ["unet"], ranks, data, tmp_path)
    found = compare(dense, count(model, ["unet"]))["unet"]
    assert found["heads"]["removed"] == 0.5
    assert 0.49 < found["channels"]["removed"] < 0.51


@pytest.mark.parametrize("criterion", ["taylor", "hessian", "group_norm"])
def test_gradients_of_another_models_loss_are_refused(criterion: str) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", ["model=cat_vton_small", f"criterion={criterion}"])
    with torch.device("meta"):
        model = CatVTON((128, 96), **TINY_OF_8)
    with pytest.raises(ValueError, match=r"finetuning\.loss\.flow is no term of the loss: there are noise, dream"):
        instantiate(cfg.criterion).check_model(model)
