"""An analysis of two groups of the toy, run once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import ROOT, WIDTH
from vtoncompress.sensitivity.command import analyse
from vtoncompress.sensitivity.point import Analysis

FIRST = ("warp.image_FPN.adaptive.1", "warp.image_FPN.smooth.0", "warp.cond_FPN.adaptive.1", "warp.cond_FPN.smooth.0")
SECOND = ("generator.model.model.2.block.0",)
TOY = (
    f"model.network.width={WIDTH}", "model.checkpoint=null", "data.pairs=2", "ratios=[0.25,0.5]", "search_groups=1",
    f"scope.modules=[{','.join((*FIRST, *SECOND))}]", "export=torch", "timing.seconds=0", "timing.repetitions=3",
    "timing.warmup=1",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A config with the names of its choices."""

    config: Mapping[str, Any]
    choices: Mapping[str, str]

    @property
    def folder(self) -> Path:
        return Path(self.config["results"]) / self.config["name"]

    def __call__(self) -> Analysis:
        return analyse(self.config, self.choices, ROOT / "conf")


def run(folder: Path, *overrides: str) -> Run:
    places = (f"results={folder / 'results'}", f"store={folder / 'store'}")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("sensitivity", [*TOY, *places, *overrides], return_hydra_config=True)
        choices = dict(cfg.hydra.runtime.choices)
        ours = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
        config = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return Run({str(key): value for key, value in config.items()}, choices)


@dataclass(frozen=True)
class Done:
    """A finished analysis and where it is."""

    run: Run
    analysis: Analysis
    folder: Path


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("sensitivity")
    first = run(folder)
    return Done(first, first(), folder)
