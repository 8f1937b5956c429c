"""Toy networks for the four stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor
from torch.utils.data import default_collate

from tests.conftest import ROOT
from vtoncompress.data.viton_training import VitonTraining
from vtoncompress.finetuning.examples import TrainingExamples
from vtoncompress.model.base import Network
from vtoncompress.model.pf_afn.parser_based import ParserBased
from vtoncompress.training_stage.base import TrainingStage

NETWORK: dict[str, Any] = {"width": 1 / 32, "size": (64, 64), "convention": "official"}
StageOf = Callable[..., TrainingStage]


@pytest.fixture
def stage_of() -> StageOf:
    """A stage of the config by name, small, with the options that are given."""

    def build(name: str, *options: str) -> TrainingStage:
        small = (
            "batch_size=2", "workers=0", "mixed_precision=no", "checkpoint_every=1", "batch_norm_samples=0",
            f"stages.{name}.samples=4", f"stages.{name}.warmup=0",
        )  # fmt: skip
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            cfg = compose("train_stages", ["out=somewhere", *small, *options])
        stage: TrainingStage = instantiate(cfg.stages[name], _convert_="all")
        return stage

    return build


@pytest.fixture
def stage_batch(examples: VitonTraining) -> dict[str, Tensor]:
    """All four examples."""
    stream = TrainingExamples(examples, 0, 4, seed=0)
    return default_collate([stream[place] for place in range(4)])


@pytest.fixture
def teacher() -> ParserBased:
    return begin(ParserBased(**NETWORK))


def begin(network: Network) -> Network:
    """With flows of some pixels, that differ from pixel to pixel."""
    torch.manual_seed(0)
    for name, layer in network.named_modules():
        if name.startswith("warp.aflow_net.net") and name.endswith(".6"):
            torch.nn.init.normal_(layer.weight, std=0.2)
    return network
