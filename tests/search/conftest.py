"""A search whose rows are computed instead of measured."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from tests.conftest import ROOT, TOY
from vtoncompress.record import Record, write
from vtoncompress.row import describe
from vtoncompress.search import row
from vtoncompress.search.settings import Settings
from vtoncompress.variant_check import check
from vtoncompress.variant_config import complete, plain

CHEAP = ("export=torch", "metric=[cost,size,garment]")
SEARCH: dict[str, Any] = {
    "name": "toy_search",
    "trials": 6,
    "overrides": ["pruning=one_shot", *CHEAP],
    "baseline": ["pruning=none"],
    "space": {
        "+pruning.ratios.warp": {"low": 0.0, "high": 0.5, "step": 0.1},
        "+pruning.ratios.generator": {"low": 0.0, "high": 0.5, "step": 0.1},
    },
    "objectives": {"ssim_garment": "maximize", "gmacs": "minimize", "size_mib": "minimize"},
    "constraints": {},
    "early_stop": None,
    "sampler": {"_target_": "optuna.samplers.TPESampler", "n_startup_trials": 4, "seed": 0},
    "start": [],
    "start_from": None,
    "final": None,
}
LOOK = {
    "overrides": ["data.pairs=2"],
    "columns": {
        "ssim_garment": {"direction": "maximize", "margin": 0.05},
        "gmacs": {"direction": "minimize", "margin": 0.05},
    },
}
MakeSettings = Callable[..., Settings]


def source(folder: Path, *arguments: str, **search: Any) -> dict[str, Any]:
    return {
        "search": {**copy.deepcopy(SEARCH), **search},
        "conf": str(ROOT / "conf"),
        "results": str(folder / "results"),
        "store": str(folder / "store"),
        "name": "found",
        "arguments": [*TOY, *arguments],
    }


@pytest.fixture
def settings(tmp_path: Path) -> MakeSettings:
    """``settings(trials=3, ...)``: the toy search with other options."""
    return lambda *arguments, **search: Settings.parse(source(tmp_path, *arguments, **search))


def fake_values(config: Mapping[str, Any]) -> dict[str, float]:
    """The more is removed, the cheaper and the worse; from the generator at less loss than from the warp."""
    ratios = config["pruning"]["ratios"]
    warp, generator = ratios.get("warp", 0.0), ratios.get("generator", 0.0)
    left = (1 - warp) * 0.5 + (1 - generator) * 0.5
    return {
        "ssim_garment": 0.8 - 0.5 * warp**2 - 0.2 * generator**2,
        "gmacs": left**2,
        "size_mib": 10 * left,
        "kid_shipped": 0.02 + 0.3 * warp + 0.1 * generator,
    }


class FakeRun:
    """Stands in for ``run_variant``: writes a record with :func:`fake_values`, and remembers what it was asked.

    Args:
        seconds: that a row takes.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.configs = seconds, list[dict[str, Any]]()

    def __call__(self, config: dict[str, Any]) -> Record:
        time.sleep(self.seconds)
        self.configs.append(config)
        record = describe(config)
        record.values = self.values(config)
        write(record, Path(config["results"]) / config["name"])
        return record

    def values(self, config: dict[str, Any]) -> dict[str, float]:
        return fake_values(config)

    @property
    def rows(self) -> list[str]:
        return [config["variant"] for config in self.configs]


@pytest.fixture
def fake() -> FakeRun:
    return FakeRun()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A complete config of the toy search, of which :func:`quick_row` makes others without Hydra's second each."""
    settings = Settings.parse(source(tmp_path_factory.mktemp("base")))
    cfg = row.compose_row(settings.conf, row.merge(settings.overrides, ["variant=base"]))
    check(cfg)
    return complete(cfg, cfg.hydra.runtime.choices, 0)


def quick_row(base: dict[str, Any], settings: Settings, name: str, order: int, *overrides: Any) -> dict[str, Any]:
    """Stands in for ``row_config``: knows the options that the tests here vary."""
    config = copy.deepcopy(base) | {"variant": name, "order": order}
    for override in row.merge(settings.overrides, *overrides):
        key, _, value = override.partition("=")
        if key in ("name", "results", "store"):
            config[key] = value
        elif key == "data.pairs":
            config["pair_count"] = int(value)
        elif key.startswith("+pruning.ratios."):
            config["pruning"]["ratios"][key.rpartition(".")[2]] = float(value)
    return config


@pytest.fixture
def quick(base: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row, "row_config", lambda *arguments: quick_row(base, *arguments))


def compose_recipe(folder: Path, name: str, *overrides: str) -> dict[str, Any]:
    """The complete config of a recipe, as ``experiments/run.py --config-dir folder +recipes=name`` gets it."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        told = [f"hydra.searchpath=[{folder}]", f"+recipes={name}", *overrides]
        cfg = compose("config", told, return_hydra_config=True)
    check(config := plain(cfg))
    return complete(config, cfg.hydra.runtime.choices, 0)
