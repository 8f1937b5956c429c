"""A point is the dense network with one group pruned, measured as the pipeline measures, once and for all runs."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.sensitivity.conftest import FIRST, SECOND, Done, run
from vtoncompress import checkpoint
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.metric.base import Prediction, Subject
from vtoncompress.metric.cost import Cost
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.one_shot import OneShot
from vtoncompress.sensitivity.point import SSIM, Point
from vtoncompress.stage import quality, sensitivity
from vtoncompress.stage.measurements import MEASUREMENTS
from vtoncompress.try_on import to_image, to_tensors


def dense(done: Done) -> TryOnModel:
    [folder] = (done.folder / "store" / "model").glob("[!.]*")
    return checkpoint.load(folder)


def at(done: Done, name: str, ratio: float) -> Point:
    [point] = [point for point in done.analysis.points if (point.group.name, point.ratio) == (name, ratio)]
    return point


def test_a_point_for_each_group_and_ratio(done: Done) -> None:
    found = [(point.group.members, point.ratio) for point in done.analysis.points]
    assert found == [(members, ratio) for members in (FIRST, SECOND) for ratio in (0.25, 0.5)]


@pytest.mark.parametrize("members, left", [(FIRST, {0.25: 12, 0.5: 8}), (SECOND, {0.25: 3, 0.5: 2})])
def test_pruning_a_group_changes_the_width_of_its_layers_only(
    done: Done, members: tuple[str, ...], left: dict[float, int]
) -> None:
    for ratio, channels in left.items():
        point = at(done, members[0], ratio)
        assert point.channels_left == channels
        assert point.dense.channels.keys() == point.network.channels.keys()
        changed = {name: n for name, n in point.network.channels.items() if n != point.dense.channels[name]}
        assert changed == dict.fromkeys(members, channels)


def test_what_is_saved_is_the_cost_metric_s_difference(done: Done) -> None:
    whole, pruned = dense(done), dense(done)
    OneShot(0.5).prune(pruned, FIRST, MagnitudeL2())
    costs = [
        Cost().measure(Subject(model, done.folder, TorchRuntime(model), TorchRuntime(model), [])).values
        for model in (whole, pruned)
    ]
    point = at(done, FIRST[0], 0.5)
    assert point.macs_saved / 1e9 == pytest.approx(costs[0]["gmacs"] - costs[1]["gmacs"], abs=1e-12)
    assert point.parameters_saved / 1e6 == pytest.approx(costs[0]["params_m"] - costs[1]["params_m"], abs=1e-12)
    assert point.macs_saved > at(done, FIRST[0], 0.25).macs_saved > 0


def test_quality_is_what_the_quality_stage_measures(done: Done, tmp_path: Path) -> None:
    runtimes = {"dense": TorchRuntime(dense(done))}
    pruned = dense(done)
    OneShot(0.5).prune(pruned, SECOND, MagnitudeL2())
    runtimes["pruned"] = TorchRuntime(pruned)
    metrics = {
        name: {"_target_": f"vtoncompress.metric.{name}.{kind}"}
        for name, kind in (("garment", "GarmentLikeness"), ("flow_error", "FlowError"))
    }
    values = {}
    for name, runtime in runtimes.items():

        def predict(pair: quality.Pair, _: int, runtime: TorchRuntime = runtime) -> Prediction:
            outputs = runtime(to_tensors(pair.person, pair.garment, pair.garment_mask))
            return Prediction(to_image(outputs["image"]), outputs["flow"][0].transpose(1, 2, 0))

        quality.measure({"data": done.run.config["data"], "metric": metrics}, predict, (), tmp_path)
        found = json.loads((tmp_path / MEASUREMENTS).read_text())
        values[name] = {column: value for one in found.values() for column, value in one["values"].items()}
    point = at(done, SECOND[0], 0.5)
    assert values["pruned"] == point.network.values
    assert values["dense"] == point.dense.values == done.analysis.dense.values
    assert point.loss == values["dense"][SSIM] - values["pruned"][SSIM]
    assert point.loss != 0


def test_a_second_run_computes_nothing_and_writes_the_same(done: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {path: path.read_bytes() for path in done.run.folder.rglob("*") if path.is_file()}
    built = count_builds(monkeypatch)
    assert done.run() == done.analysis
    assert built == []
    assert {path: path.read_bytes() for path in done.run.folder.rglob("*") if path.is_file()} == files


def test_a_stopped_run_has_lost_one_point(done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, looks = run(tmp_path), []
    look = sensitivity._look

    def stop(*arguments: object) -> dict[str, float]:
        looks.append(arguments)
        if len(looks) == 3:
            raise KeyboardInterrupt
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sensitivity, "_look", stop)
    with pytest.raises(KeyboardInterrupt):
        other()
    assert not other.folder.exists()
    assert len([*(tmp_path / "store" / "sensitivity").glob("[!.]*")]) == 2  # the dense network and a point
    built = count_builds(monkeypatch)
    analysis = other()
    assert built == ["sensitivity"] * 4  # three points, and all chosen ratios together
    assert [*map(str, analysis.points)] == [*map(str, done.analysis.points)]


def test_further_ratios_and_another_scope_measure_only_what_is_new(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(done.folder / "store", tmp_path / "store")
    built = count_builds(monkeypatch)
    analysis = run(tmp_path, "ratios=[0.5,0.25,0.75,0.5]", "budget=1")()
    assert analysis.ratios == [0.25, 0.5, 0.75]
    assert built == ["sensitivity"] * 3
    built.clear()
    run(tmp_path, f"scope.modules=[{SECOND[0]}]", "budget=1")()
    assert built == ["sensitivity"]  # all chosen ratios together, which are those of fewer layers


def test_batch_norms_are_estimated_again_in_the_dense_network_too(done: Done) -> None:
    options = ("batch_norm_pairs=2", "training_data.pairs=2", "ratios=[0.5]", f"scope.modules=[{SECOND[0]}]")
    again = run(done.folder, *options, "name=again")()
    assert again.dense.values[SSIM] != done.analysis.dense.values[SSIM]
    assert again.points[0].network.values[SSIM] != at(done, SECOND[0], 0.5).network.values[SSIM]
    assert any("estimated again from 2 training pairs" in line for line in again.protocol)


def test_time_is_measured_where_it_is_asked_for(done: Done) -> None:
    assert {point.latency_saved_ms for point in done.analysis.points} == {None}
    options = ("latency=true", "ratios=[0.5]", f"scope.modules=[{SECOND[0]}]", "deployed_threads=1")
    timed = run(done.folder, *options, "name=timed")
    [point] = timed().points
    assert point.latency_saved_ms is not None
    [row] = [row for row in csv.DictReader((timed.folder / "sensitivity.csv").open()) if row["group"] == SECOND[0]]
    assert float(row["latency_ms_saved"]) == point.latency_saved_ms
    assert "1 threads, in turns with the dense network" in (timed.folder / "sensitivity.md").read_text()


def test_the_csv_has_a_row_a_point(done: Done) -> None:
    rows = [*csv.DictReader((done.run.folder / "sensitivity.csv").open())]
    assert (rows[0]["group"], rows[0]["ratio"]) == ("dense", "0")
    assert float(rows[0]["ssim_garment"]) == done.analysis.dense.values[SSIM]
    assert len(rows) == 1 + len(done.analysis.points)
    for row, point in zip(rows[1:], done.analysis.points, strict=True):
        assert row["members"].split() == [*point.group.members]
        assert (int(row["channels_before"]), int(row["channels_after"])) == (point.group.channels, point.channels_left)
        assert float(row["ssim_garment_loss"]) == point.loss
        assert float(row["gmacs_saved"]) * 1e9 == pytest.approx(point.macs_saved)
        assert float(row["loss_per_gmac_saved"]) == pytest.approx(point.loss / (point.macs_saved / 1e9))
        assert row["latency_ms_saved"] == ""


def test_the_table_is_ranked_and_says_what_it_depends_on(done: Done) -> None:
    text = (done.run.folder / "sensitivity.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
    points = [at(done, name, 0.5) for name in (FIRST[0], SECOND[0])]
    ranked = sorted(points, key=lambda point: (max(0, point.loss_per_gmac or 0), -point.macs_saved))
    assert [row[1].strip("`") for row in rows] == [point.group.name for point in ranked]
    for told in ("2 pairs (list ", "criterion magnitude_l2", "seed 0", "torch-pruning 1.", "1 MAC = 2 FLOPs", "random"):
        assert told in text, told
    assert ", ".join(f"`{member}`" for member in FIRST) in text


def test_the_plot_has_a_dot_a_point(done: Done) -> None:
    root = ElementTree.parse(done.run.folder / "sensitivity.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    told = [title.text or "" for title in root.iter(f"{space}title")]
    assert told == [f"{p.group.name} at {p.ratio:g}: {p.loss:.4f}" for p in done.analysis.points]


def count_builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the stages that are built from now on."""
    from vtoncompress.store import Store

    built: list[str] = []
    build = Store._build

    def counted(store: Store, stage: str, *arguments: object) -> object:
        built.append(stage)
        return build(store, stage, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "_build", counted)
    return built
