"""A point is the network with one convolution in INT8; what is kept in float was measured together."""

from __future__ import annotations

import copy
import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import ROOT, WIDTH
from tests.sensitivity.test_command import count_builds
from vtoncompress import checkpoint
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.model.integer_convolution import Grid
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.one_shot import OneShot
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.min_max import make_integer
from vtoncompress.sensitivity.quantization.analysis import BUDGETED, Analysis
from vtoncompress.sensitivity.quantization.command import analyse
from vtoncompress.stage import quantization_sensitivity as stage
from vtoncompress.try_on import to_tensors

SCOPE = ("generator.model.model.0", "generator.model.model.2", "warp.aflow_net.netMain.0")
TOY = (
    f"model.network.width={WIDTH}", "model.checkpoint=null", "data.pairs=2", "held_out.pairs=2", "calibration.pairs=2",
    "budget={ssim_garment: 1.0e-7, ssim: 1.0e-7}",
    f"scope.modules=[{','.join(SCOPE)}]",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    folder: Path
    config: dict[str, Any]

    def __call__(self) -> Analysis:
        return analyse(self.config)


def run(folder: Path, *overrides: str) -> Run:
    places = (f"results={folder / 'results'}", f"store={folder / 'store'}")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("quantization_sensitivity", [*TOY, *places, *overrides])
    config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return Run(folder, {str(key): value for key, value in config.items()})


@dataclass(frozen=True)
class Done:
    run: Run
    analysis: Analysis

    @property
    def files(self) -> Path:
        return self.run.folder / "results" / "quantization_sensitivity"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    first = run(tmp_path_factory.mktemp("quantization_sensitivity"))
    return Done(first, first())


def test_a_point_for_each_convolution(done: Done) -> None:
    names = [point.name for point in done.analysis.points]
    [folder] = (done.run.folder / "store" / "model").glob("[!.]*")
    model = checkpoint.load(folder)
    coordinates = [point.name for point in done.analysis.points if point.always_float]
    assert sorted({*names} - {*coordinates}) == sorted(quantized_layers(model, SCOPE))
    assert coordinates
    assert {*coordinates} <= {*model.float_layers()}


def test_a_point_is_what_that_network_paints(done: Done) -> None:
    [folder] = (done.run.folder / "store" / "model").glob("[!.]*")
    grids, _ = (done.run.folder / "store").glob("quantization_sensitivity/*/grids.json")  # held-out pairs have theirs
    point = next(one for one in done.analysis.points if one.name == "generator.model.model.0")
    network = fold_batch_norms(checkpoint.load(folder))
    before = TorchRuntime(network)
    make_integer(network, {point.name: Grid(*json.loads(grids.read_text())[point.name])})
    after = TorchRuntime(network)
    differences = [
        np.abs(after(tensors)["image"] - before(tensors)["image"]).mean() * 127.5
        for tensors in (to_tensors(p.person, p.garment, p.garment_mask) for p in Synthetic("test", 2, 128, 96, seed=1))
    ]
    assert point.values["picture_difference"] == pytest.approx(np.mean(differences), rel=1e-5)
    assert point.values["picture_difference"] > 0
    assert point.loss == {name: done.analysis.float32[name] - point.values[name] for name in BUDGETED}
    assert point.spent == max(point.loss.values()) / 1e-7


def test_what_is_kept_meets_the_budget(done: Done) -> None:
    analysis = done.analysis
    assert analysis.attempts[0].kept == ()
    assert analysis.chosen.spent <= 1
    assert all(one.spent > 1 for one in analysis.attempts if len(one.kept) < len(analysis.chosen.kept))
    assert not {one.name for one in analysis.points if one.always_float} & {*analysis.chosen.kept}


def test_the_files_say_it(done: Done) -> None:
    rows = [*csv.DictReader((done.files / "points.csv").open())]
    assert rows[0]["name"] == "float32"
    assert [row["name"] for row in rows[1:]] == [point.name for point in done.analysis.points]
    for name in BUDGETED:
        assert [float(row[f"{name}_loss"]) for row in rows[1:]] == [point.loss[name] for point in done.analysis.points]
    text = (done.files / "table.md").read_text()
    assert done.analysis.override in text
    assert text.count("| `") == len(done.analysis.points)
    assert "always: coordinates" in text
    assert text.count("pairs held out |") == 2


def test_the_proposal_is_an_override_of_an_int8_mode(done: Done) -> None:
    kept = replace(done.analysis.attempts[-1], kept=SCOPE[:2])
    override = replace(done.analysis, chosen=kept).override
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", ["quantization=nncf_ptq", override])
    assert [*cfg.quantization.float_layers] == [*SCOPE[:2]]


def test_a_second_run_computes_nothing(done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    built = count_builds(monkeypatch)
    assert done.run() == done.analysis
    assert built == []


def test_a_stopped_run_has_lost_one_point(done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, look, looks = run(tmp_path), stage.look, 0

    def stop(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == 4:
            raise KeyboardInterrupt
        return look(*arguments)

    monkeypatch.setattr(stage, "look", stop)
    with pytest.raises(KeyboardInterrupt):
        other()
    assert len([*(tmp_path / "store" / "quantization_sensitivity").glob("[!.]*")]) == 3
    assert [*map(str, other().points)] == [*map(str, done.analysis.points)]


def test_groups_by_name(done: Done) -> None:
    grouped = run(done.run.folder, "depth=3", "name=grouped")()
    names = [point.name for point in grouped.points if not point.always_float]
    assert names == ["warp.aflow_net.netMain", "generator.model.model"]
    assert sum(len(point.layers) for point in grouped.points) == len(done.analysis.points)


def test_what_was_chosen_is_measured_on_other_pairs(done: Done) -> None:
    none, chosen = done.analysis.held_out
    assert (none.kept, chosen.kept) == ((), done.analysis.chosen.kept)
    assert none.loss != done.analysis.attempts[0].loss
    assert chosen.values["ssim"] != done.analysis.float32["ssim"]


def test_a_pruned_network(toys: dict[str, PFAFN], tmp_path: Path) -> None:
    """From its checkpoint, whose structure is its own."""
    model = copy.deepcopy(toys["official"])
    OneShot(0.5).prune(model, ("generator",), MagnitudeL2())
    checkpoint.save(model, tmp_path / "pruned")
    [point] = run(tmp_path, f"model.checkpoint={tmp_path / 'pruned'}", f"scope.modules=[{SCOPE[0]}]")().points
    assert point.values["picture_difference"] > 0
    [looked_at] = (tmp_path / "store" / "model").glob("[!.]*")
    widths = [one.get_submodule(SCOPE[0]).out_channels for one in (checkpoint.load(looked_at), toys["official"])]
    assert widths[0] == widths[1] / 2
