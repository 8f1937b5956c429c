"""What a model with steps can't be combined with is one line, before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from vtoncompress.data.dataset_layout import write_dataset
from vtoncompress.data.synthetic import Synthetic
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
        ("sampling=dpm_solver model.sampling.eta=1", "sampling.eta=1"),
        ("model.sampling.steps=1 model.sampling.reuse=2", "sampling.reuse=2"),
        ("finetuning=guidance finetuning/loss=noise", "would guide once more: set model.sampling.guidance=1"),
        ("finetuning=consistency finetuning/loss=noise", "and one sampler makes them: set sampling=consistency"),
        ("quantization=nncf_accuracy", "such as cat_vton_small: use nncf_ptq or hybrid"),
    ],
)
def test_a_mistake_is_one_line(option: str, message: str) -> None:
    config = _config(*option.split())
    with pytest.raises(Exception) as caught, torch.device("meta"):  # noqa: PT011 - Hydra wraps what is wrong in a network
        check_steps(config, instantiate(config["model"]["network"]))
    line = explain(caught.value) or ""
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("data.masked=false", "data=Viton has no masks of persons, and cat_vton_small paints inside one"),
        ("masking@data.masking=none", "1 of 1 persons have no mask on disk"),
    ],
)
def test_photos_without_masks_are_refused(option: str, message: str, tmp_path: Path) -> None:
    write_dataset(Synthetic("test", 1, 128, 96), "viton", tmp_path / "photos")
    config = _config("data=viton", f"data.root={tmp_path / 'photos'}", option)
    with pytest.raises(Exception) as caught, torch.device("meta"):  # noqa: PT011 - Hydra wraps what a data set refuses
        check_steps(config, instantiate(config["model"]["network"]))
    line = explain(caught.value) or ""
    assert message in line
    assert "\n" not in line


def test_a_network_that_variants_share_stays_as_it_was() -> None:
    """Tokens that one variant merges would be missing where the next one's attention is looked at."""
    config = _config("model.sampling.merging=0.5")
    with torch.device("meta"):
        network = instantiate(config["model"]["network"])
    before = network.sampling, _processors(network)
    check_steps(config, network)
    assert (network.sampling, _processors(network)) == before
    broken = _config("model.sampling.merging=0.5", "model.sampling.steps=1001")
    with pytest.raises(ValueError, match="sampling.steps=1001"):
        check_steps(broken, network)
    assert (network.sampling, _processors(network)) == before


def _processors(network: nn.Module) -> list[str]:
    return [type(layer.processor).__name__ for layer in network.modules() if hasattr(layer, "processor")]


def _config(*options: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", ["model=cat_vton_small", *options])
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]
