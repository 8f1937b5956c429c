"""What a model with steps can't be combined with is one line, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from vtoncompress.errors import explain
from vtoncompress.steps_check import check_steps

CONF = Path(__file__).parents[1] / "conf"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("model.sampling.steps=0", "sampling.steps=0: use 1 or more"),
        ("model.sampling.steps=2000", "sampling.steps=2000: use 1000 or fewer"),
        ("model.sampling.guidance=-1", "sampling.guidance=-1: use 0 or more; 1 is no guidance"),
        ("model.size=[130,96]", "model.size=[130, 96]: height and width must be multiples of 4"),
        ("model.network.unet.in_channels=4", "the UNet reads 4 channels"),
        ("export.dynamic=true model.size=[132,96]", "sizes are multiples of 16 then"),
        ("quantization=ort_static", "quantization=ort_static does not take models of several graphs"),
        ("quantization=nncf_accuracy", "such as cat_vton_small: use nncf_ptq or hybrid"),
    ],
)
def test_a_mistake_is_one_line(option: str, message: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", ["model=cat_vton_small", *option.split()])
    with pytest.raises(Exception) as caught, torch.device("meta"):  # noqa: PT011 - Hydra wraps what is wrong in a network
        check_steps(OmegaConf.to_container(cfg, resolve=True), instantiate(cfg.model.network))  # type: ignore[arg-type]
    line = explain(caught.value) or ""
    assert message in line
    assert "\n" not in line
