"""A sweep from one command to its table: every variant measured once, every failure told, no mistake half-run."""

from __future__ import annotations

import errno
import functools
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig
from PIL import Image as Pillow

from tests.conftest import ROOT, TOY, Command, Sweep
from vtoncompress import fingerprint, row, variant
from vtoncompress.failure import Stopped
from vtoncompress.outcome import Ending, failed, log_path
from vtoncompress.pipeline import plan
from vtoncompress.record import Record, read, read_all, write
from vtoncompress.store import Store
from vtoncompress.variant_check import check
from vtoncompress.variant_config import complete, sweep_name

QUALITY = ["ssim_garment", "l1_garment", "flow_error_px", "gmacs", "params_m", "size_mib"]
CHEAP = (*TOY, "export=torch", "metric=[cost]")


def _table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "table.csv", keep_default_na=True)


def _variants(folder: Path) -> pd.DataFrame:
    table = _table(folder)
    return table[table.role == "variant"].set_index(["pruning_ratio", "quantization"]).sort_index()


def _mtimes(folder: Path) -> dict[str, int]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "locks" not in path.parts)
    paths = (path for path in paths if path.name != "manifest.json")  # its time is that of the last use
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in paths}


def _config(cfg: DictConfig) -> dict[str, Any]:
    return complete(cfg, cfg.hydra.runtime.choices, 0)


@pytest.fixture
def compose_variant(tmp_path: Path) -> Callable[..., DictConfig]:
    """The config of one variant as a job of ``experiments/run.py`` gets it."""

    def make(*overrides: str) -> DictConfig:
        places = (f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}", "name=test")
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            cfg = compose("config", [*CHEAP, *places, *overrides], return_hydra_config=True)
        return cfg

    return make


def test_a_two_by_two_sweep_ends_in_four_rows(sweep: Sweep) -> None:
    assert sweep.code == 0
    table = _table(sweep.folder)
    assert set(table.status) == {"done"}
    assert table.role.value_counts().to_dict() == {"variant": 4, "reference": 2, "oracle": 1}
    rows = _variants(sweep.folder)
    assert [*rows.index] == [(0.25, "nncf_ptq"), (0.25, "none"), (0.5, "nncf_ptq"), (0.5, "none")]
    assert rows.variant.is_unique
    assert set(rows.runtime) == {"openvino"}
    assert set(rows.finetuning) == {"supervised"}
    assert rows[QUALITY].notna().all(axis=None)
    assert (rows.model == "pf_afn_small (random weights)").all()


def test_cost_and_size_fall_with_the_ratio_and_the_precision(sweep: Sweep) -> None:
    rows = _variants(sweep.folder)
    for mode in ("none", "nncf_ptq"):
        assert rows.gmacs[0.5, mode] < 0.6 * rows.gmacs[0.25, mode]
        assert rows.params_m[0.5, mode] < 0.6 * rows.params_m[0.25, mode]
        assert rows.size_mib[0.5, mode] < rows.size_mib[0.25, mode]
    for ratio in (0.25, 0.5):
        assert rows.gmacs[ratio, "none"] == rows.gmacs[ratio, "nncf_ptq"]
        # Quantization really happened, and is another network than its float32 self.
        assert rows.l1_garment[ratio, "none"] != rows.l1_garment[ratio, "nncf_ptq"]


def test_int8_weights_are_small(sweep: Sweep) -> None:
    store, sizes = Store(sweep.store), {}
    for record in read_all(sweep.folder):
        if record.role == "variant" and record.pruning_ratio == 0.25:
            key = next(stage for stage in record.stages if stage.startswith("deployment/")).partition("/")[2]
            artifact = store.find("deployment", key)
            assert artifact is not None
            sizes[record.quantization] = (artifact.path / "files" / "model.bin").stat().st_size
    assert sizes["nncf_ptq"] < 0.5 * sizes["none"]  # of so narrow a network much is not convolutions


def test_variants_share_their_stages(sweep: Sweep) -> None:
    def built(stage: str) -> int:
        return len([path for path in (sweep.store / stage).iterdir() if not path.name.startswith(".")])

    counts = {stage: built(stage) for stage in ("model", "pruning", "finetuning", "deployment")}
    assert counts == {"model": 1, "pruning": 2, "finetuning": 2, "deployment": 4}
    assert not [*sweep.store.rglob("*.building")]


def test_a_record_carries_what_is_needed_to_trust_it(sweep: Sweep) -> None:
    records = [record for record in read_all(sweep.folder) if record.role == "variant"]
    assert [record.order for record in records] == [0, 1, 2, 3]
    for record in records:
        assert (record.protocol, record.pairs, record.seed) == ("generated", 4, 0)
        assert record.trust["config"]["model"]["network"]["width"] == 1 / 16
        assert record.trust["config"]["pruning"]["ratio"] == record.pruning_ratio
        assert record.trust["weights"] == "random, seed 0"
        assert record.trust["picture_size"] == [128, 96]
        assert len(record.trust["pair_list_hash"]) == 16
        assert {"cpu", "instruction_set", "threads_available", "versions"} <= set(record.trust)
        assert record.details["parity"]["parity_mean"] <= record.details["parity"]["tolerance"]
        assert record.details["training"]["steps"] == 2
        assert all(Store(sweep.store).find(*stage.split("/")) for stage in record.stages)
        assert str(sweep.results.parent) not in json.dumps(record.trust)


def test_every_row_has_its_pictures(sweep: Sweep) -> None:
    for record in read_all(sweep.folder):
        with Pillow.open(sweep.folder / "pictures" / f"{record.variant}.png") as grid:
            assert grid.width > 3 * 96
            assert grid.height > 4 * 128
    page = (sweep.folder / "report.html").read_text()
    assert all(record.variant in page for record in read_all(sweep.folder))


def test_the_same_sweep_again_builds_nothing_and_gives_the_same_table(
    sweep: Sweep, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("a variant was run again")

    monkeypatch.setattr("vtoncompress.sweep.subprocess.Popen", forbidden)
    before, table = _mtimes(sweep.store), (sweep.folder / "table.csv").read_text()
    page, records = (sweep.folder / "report.html").stat().st_mtime_ns, read_all(sweep.folder)
    done = command("run", *sweep.arguments)
    assert done.code == 0, done.err
    assert done.err.count("finished before") == 4
    assert "running" not in done.err
    assert _mtimes(sweep.store) == before
    assert (sweep.folder / "table.csv").read_text() == table
    assert read_all(sweep.folder) == records
    assert (sweep.folder / "report.html").stat().st_mtime_ns == page, "drawn again, of the same records"
    assert "(reference)" in done.out
    assert f"{sweep.folder}/table.md" in done.out


def test_measured_anew_the_quality_columns_are_the_same(
    sweep: Sweep, compose_variant: Callable[..., DictConfig], tmp_path: Path
) -> None:
    """One of the four variants in an empty store: nothing but its config and code decides its numbers."""
    options = [argument for argument in sweep.arguments if argument.partition("=")[0] in ("pruning", "finetuning")]
    cfg = compose_variant(
        *options, "pruning.ratio=0.5", "export=openvino", "metric=[cost,size,garment,flow_error]", "quantization=none"
    )
    record = variant.run(_config(cfg))
    assert record.status == "done", record.traceback
    expected = _variants(sweep.folder).loc[(0.5, "none")]
    assert record.variant == expected.variant
    for column in QUALITY:
        # OpenVINO numbers its nodes through a process's life, so that a graph's text varies by some digits.
        same = pytest.approx(expected[column], rel=0.01) if column == "size_mib" else expected[column]
        assert record.values[column] == same, column


def test_a_variant_that_fails_leaves_a_row_with_the_reason(
    compose_variant: Callable[..., DictConfig], tmp_path: Path
) -> None:
    cfg = compose_variant("finetuning=supervised", "finetuning.learning_rate=1e30", "variant=doomed")
    check(cfg)
    record = variant.run(_config(cfg))
    assert record.status == "failed"
    assert record.reason.startswith("FloatingPointError: the training loss is")
    assert "supervised.py" in record.traceback
    assert record.values == {}
    assert read(tmp_path / "results" / "test" / "records" / "doomed.json").reason == record.reason
    assert not [*(tmp_path / "store" / "finetuning").glob("[!.]*")]


def test_a_killed_variant_leaves_a_row_and_the_others_are_run(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the kernel kills for want of memory: the child has no time to write anything."""
    counter, child = tmp_path / "runs", tmp_path / "python"
    child.write_text(f'#!/bin/sh\necho run >> "{counter}"\nkill -9 $$\n')
    child.chmod(child.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("vtoncompress.sweep.sys.executable", str(child))
    results = tmp_path / "results"
    places = (f"results={results}", f"store={tmp_path / 'store'}")
    done = command("run", "-m", *CHEAP, "pruning=one_shot", "pruning.ratio=0.2,0.4", *places, "name=killed")
    assert done.code == 2
    assert "error: 2 of 2 variants failed" in done.err
    assert done.err.count("signal 9") == 2
    assert "Traceback" not in done.err
    assert counter.read_text() == "run\nrun\n"
    again = ("run", "-m", *CHEAP, "pruning=one_shot", "pruning.ratio=0.2,0.4", *places, "name=killed")
    assert command(*again).err.count("failed before (the process was killed") == 2
    assert counter.read_text() == "run\nrun\n"
    planned = command(*again, "dry_run=true").out
    assert "stages: 0 to build, 0 shared with a variant above, 0 in the store" in planned
    assert "not run: 2 variants that failed before; retry_failed=true tries them again" in planned
    assert "time: about 0 s, as" in planned
    # The dense weights, and pruning, training, deployment and cost of each ratio.
    assert "stages: 9 to build, 1 shared" in command(*again, "dry_run=true", "retry_failed=true").out
    assert counter.read_text() == "run\nrun\n"
    assert command(*again, "retry_failed=true").code == 2
    assert counter.read_text() == "run\n" * 4
    table = _table(results / "killed")
    assert [*table.status] == ["failed", "failed"]
    assert [*table.pruning_ratio] == [0.2, 0.4]
    assert table.gmacs.isna().all()
    assert all("for want of memory" in record.reason for record in read_all(results / "killed"))
    assert {log.read_text().count("killed (signal 9)") for log in (results / "killed" / "logs").iterdir()} == {2}


def test_a_crash_leaves_its_traceback_in_the_variant_s_log(tmp_path: Path) -> None:
    config = {"results": str(tmp_path), "name": "test", "variant": "crashed"}
    told = {"config": config, "requested": time.time(), "parsed": [], "parent": os.getpid()}
    (tmp_path / variant.REQUEST).write_text(json.dumps(told))
    code = f"""
import faulthandler
from pathlib import Path
from vtoncompress import variant

def crash_in_a_library(cfg):
    faulthandler._sigsegv()

variant.run = crash_in_a_library
variant.main(Path({str(tmp_path)!r}))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == -signal.SIGSEGV
    log = (tmp_path / "test" / "logs" / "crashed.log").read_text()
    assert "Segmentation fault" in log
    assert "crash_in_a_library" in log


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["pruning=nothing"], "unknown pruning=nothing: choose one of blocks, iterative, latency, none, one_shot"),
        (["model=other"], "unknown model=other: choose one of cat_vton, cat_vton_small, pf_afn, pf_afn_small"),
        (["experiment=other"], "unknown experiment=other: choose one of "),
        (["pruning=one_shot", "pruning.ratio=1.5"], "pruning.ratio=1.5"),
        (["pruning=one_shot", "pruning.ratio=0"], "pruning.ratio=0: give the share of channels to remove, more than 0"),
        (["pruning=one_shot", "pruning.ratio=1"], "pruning.ratio=1: give the share of channels to remove"),
        (["pruning=iterative", "pruning.ratio=-0.1"], "pruning.ratio=-0.1: give the share of channels to remove"),
        (["pruning=one_shot", "pruning.ratio=abc"], "pruning.ratio=abc: give the share of channels to remove, more"),
        (["pruning=one_shot", "pruning.round_to=512"], "pruning.round_to=512 with pruning.ratio=0.2 removes"),
        (["pruning=one_shot", "scope.modules=[warp.image_FPN.smooth.4]"], "warp.image_FPN.smooth.4) has no channels"),
        (["pruning=one_shot", "pruning.ranking=best"], "pruning.ranking=best: choose one of uniform, global"),
        (["pruning=one_shot", "scope.modules=[]"], "the scope is empty: name submodules of PFAFN"),
        (["pruning=one_shot", "scope.modules=[head]"], "scope names 'head', which PFAFN lacks: it has warp, generator"),
        (["pruning=one_shot", "scope=head"], "unknown scope=head: choose one of cond_encoder, encoders"),
        (["pruning=one_shot", "criterion=best"], "unknown criterion=best: choose one of bn_scale, fpgm"),
        (["pruning=one_shot", "criterion=taylor", "training_data=null"], "criterion=taylor computes gradients and"),
        (["pruning=one_shot", "criterion=hessian", "criterion.pairs=0"], "criterion.pairs=0: criterion=hessian ranks"),
        (["pruning=iterative", "pruning.recovery_samples=16"], "say how with finetuning=supervised"),
        (["-m", "pruning=one_shot", "pruning.ratio=0.2,1.5"], "pruning.ratio=1.5: give the share"),
        (["quantization=nncf_ptq", "export=torch"], "quantization=nncf_ptq can't run on torch: it runs on"),
        (["-m", "quantization=none,nncf_ptq", "export=openvino,torch"], "can't run on torch"),
        (["metric=[]"], "metric=[] measures nothing"),
        (["pruning.rato=0.2"], "unknown option pruning.rato: pruning has ratio"),
        (["model.checkpoint=nowhere"], "there is no checkpoint nowhere"),
        (["data=viton", "data.root=nowhere"], "nowhere"),
        (["data=viton"], "data.root"),
        (["data.pairs=0"], "pairs is 0"),
        (["model.network.width=9"], "width=9 is out of range"),
        (["finetuning=supervised", "finetuning.samples=1", "finetuning.batch_size=2"], "a batch needs 2 pairs"),
        (["finetuning=supervised", "+finetuning.loss.colour=1"], "finetuning.loss.colour is no term of the loss"),
        (
            ["finetuning=supervised", "finetuning.first_phase={share: 0.5, modules: [head]}"],
            "finetuning.first_phase.modules names 'head', which PFAFN lacks",
        ),
        (["finetuning=distillation", "finetuning.teacher=nowhere"], "there is no checkpoint nowhere"),
        (["finetuning=distillation"], "finetuning.teacher=dense, but without pruning there is no other network"),
        (["finetuning=distillation", "finetuning.schedule=step"], "finetuning.schedule=step: choose one of"),
        (
            ["finetuning=supervised", "finetuning/loss=paper", "finetuning.perceptual.weights=nowhere"],
            "no VGG-19 weights at finetuning.perceptual.weights=nowhere",
        ),
        (["results=a_file"], "a_file"),
        (["results=a_file/below"], "a_file"),
        (["results=/proc/results"], "/proc/results"),
        (["store=a_file"], "a_file"),
    ],
)  # fmt: skip
def test_a_mistake_gives_one_line_and_nothing_is_run_or_written(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("work has begun")

    monkeypatch.setattr("vtoncompress.sweep.subprocess.Popen", forbidden)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").write_text("")
    done = command("run", *arguments, "name=mistake", *(() if "metric=[]" in arguments else ("metric=[cost]",)))
    assert done.code == 2
    assert expected in done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1, done.err
    assert {path.name for path in tmp_path.iterdir()} == {"a_file"}


@pytest.mark.parametrize("arguments", [["pruning.ratio=abc"], ["-m", "pruning.ratio=0.2,0.4"]])
def test_a_ratio_that_no_variant_uses_is_told_of(command: Command, tmp_path: Path, arguments: list[str]) -> None:
    done = command("run", *arguments, *CHEAP, "dry_run=true", f"results={tmp_path}", f"store={tmp_path / 'store'}")
    assert (done.code, done.err) == (0, "pruning=none takes no ratio: add pruning=one_shot\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_results_folder_without_permission_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    done = command("run", "name=mistake", "metric=[cost]", f"results={tmp_path / 'closed' / 'results'}")
    assert (done.code, done.err.count("\n")) == (2, 1)


def test_a_store_without_locks_is_refused(
    compose_variant: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(ValueError, match=r"can't be locked, its file system lacks flock .*store=/some/folder"):
        check(compose_variant())


def test_variants_of_other_settings_have_other_names(compose_variant: Callable[..., DictConfig]) -> None:
    def name(*overrides: str) -> str:
        return str(_config(compose_variant(*overrides))["variant"])

    names = [
        name(),
        name("pruning=one_shot", "pruning.ratio=0.3"),
        name("pruning=one_shot", "pruning.ratio=0.3", "seed=1"),
        name("pruning=iterative", "pruning.ratio=0.3"),
        name("finetuning=supervised"),
        name("export=openvino"),
        name("export=openvino", "quantization=nncf_ptq"),
        name("data.pairs=5"),
    ]
    assert len(set(names)) == len(names)
    assert names[0].startswith("pf_afn_small-dense-float32-torch-")
    assert names[1].startswith("pf_afn_small-one_shot_0.3-float32-torch-")
    assert names[0] == name("name=elsewhere", "results=elsewhere", "store=elsewhere")
    assert name("variant=mine") == "mine"


def test_a_run_without_experiment_has_a_folder_of_its_own() -> None:
    first = sweep_name(["-m", "pruning=one_shot", "pruning.ratio=0.1,0.3"])
    assert first.startswith("adhoc/pruning.ratio_0.1_0.3_pruning_one_shot-")
    assert first == sweep_name(["pruning.ratio=0.1,0.3", "pruning=one_shot", "results=a", "store=b", "-m"])
    assert first != sweep_name(["-m", "pruning=one_shot", "pruning.ratio=0.1,0.4"])
    assert sweep_name([]).startswith("adhoc/defaults-")
    long = [sweep_name([f"metric=[{'cost,' * 60}{end}]"]) for end in ("size", "speed")]
    assert long[0] != long[1]
    assert all(len(Path(name).name) < 100 for name in long)


def test_after_a_failure_the_sweep_stops_where_it_was_asked_to(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child = tmp_path / "python"
    child.write_text("#!/bin/sh\nkill -9 $$\n")
    child.chmod(child.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("vtoncompress.sweep.sys.executable", str(child))
    places = (f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}", "name=stopped")
    ratios = ("pruning=one_shot", "pruning.ratio=0.2,0.4,0.6")
    done = command("run", "-m", *CHEAP, *ratios, *places, "on_failure=stop")
    assert done.code == 2
    assert "on_failure=stop: 2 variants were not run" in done.err
    assert len(_table(tmp_path / "results" / "stopped")) == 1


def test_a_dry_run_tells_what_would_be_built_and_builds_nothing(command: Command, sweep: Sweep, tmp_path: Path) -> None:
    before = _mtimes(sweep.folder)
    done = command("run", *sweep.arguments, "dry_run=true")
    assert done.code == 0, done.err
    assert "stages: 0 to build, 0 shared" in done.out
    assert _mtimes(sweep.folder) == before
    used = {path: path.stat().st_mtime_ns for path in (sweep.store / "finetuning").rglob("manifest.json")}
    assert "about" in command("run", *sweep.arguments, "pruning.ratio=0.4", "dry_run=true").out  # estimated by these
    assert {path: path.stat().st_mtime_ns for path in used} == used
    places = (f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}")
    others = [argument for argument in sweep.arguments if not argument.startswith(("results=", "store="))]
    done = command("run", *others, *places, "dry_run=true")
    # Of 4 x 7 stages the model is built once, and each ratio's pruning and training once for both precisions. INT8 has
    # a further one, its calibration, once for both ratios. Three rows frame the table.
    assert "stages: 25 to build, 8 shared with a variant above, 0 in the store" in done.out
    assert all(done.out.count(f"{name}-") == 1 for name in ("unchanged", "pasted", "oracle"))
    assert [*tmp_path.iterdir()] == []


def test_a_mode_that_is_added_to_a_finished_sweep_builds_its_own_stages_alone(command: Command, sweep: Sweep) -> None:
    done = command("run", *sweep.arguments, "quantization.preset=performance", "dry_run=true")
    # Of both INT8 variants deployment, pictures, cost and size.
    assert "stages: 8 to build, 0 shared" in done.out


def test_a_changed_line_builds_its_stage_and_what_depends_on_it_alone(
    command: Command, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = fingerprint._parse

    def changed(name: str, path: Path, package: Path) -> Any:
        known = parse(name, path, package)
        return replace(known, digest="0" * 64) if name == "vtoncompress.stage.deployment" else known

    monkeypatch.setattr(fingerprint, "_parse", changed)
    monkeypatch.setattr(fingerprint, "_reached", functools.cache(fingerprint._reached.__wrapped__))
    done = command("run", *sweep.arguments, "dry_run=true")
    # Of four variants all but network, pruning and training, which both precisions share.
    assert "stages: 16 to build, 0 shared" in done.out


TWO = ("pruning=one_shot", "pruning.ratio=0.2,0.4")


@pytest.fixture
def first_is_done(compose_variant: Callable[..., DictConfig], tmp_path: Path) -> Record:
    """The record of the first of ``TWO``, as its process wrote it before the one that launched it died."""
    config = _config(compose_variant("pruning=one_shot", "pruning.ratio=0.2"))
    record = row.describe(config)
    record.stages, record.values = [stage.address for stage in plan(config).stages], {"gmacs": 1.5}
    write(record, tmp_path / "results" / "test")
    return record


@pytest.mark.parametrize("at_once", [True, False])
def test_a_job_whose_process_dies_is_a_row_and_the_sweep_ends_with_its_table(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first_is_done: Record, at_once: bool
) -> None:
    """Launchers tell of it by raising in place of all results, or of the one."""
    launched: list[int] = []

    def launch(jobs: list[list[str]], initial_job_idx: int) -> list[JobReturn]:
        launched.append(initial_job_idx)
        if initial_job_idx == 0:
            write(first_is_done, tmp_path / "results" / "test")
        died = RuntimeError(f"a worker was terminated\n{'as its log says ' * 99}")
        if at_once:
            raise died
        if initial_job_idx == 0:
            return [JobReturn(status=JobStatus.COMPLETED, _return_value=Ending.of(first_is_done))]
        return [JobReturn(status=JobStatus.FAILED, _return_value=died)]

    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda *_, **__: SimpleNamespace(launch=launch))
    arguments = ("-m", *CHEAP, *TWO, f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}", "name=test")
    done = command("run", *arguments)
    assert done.code == 2
    assert "error: 1 of 2 variants failed" in done.err
    (told,) = [line for line in done.err.splitlines() if "its job gave no result" in line]
    assert "(RuntimeError: a worker was terminated as its log says" in told
    assert "...): the same command takes it up again" in told
    assert launched == ([0, 1, 1] if at_once else [0, 1]), "what has no end is launched once more"
    table = _table(tmp_path / "results" / "test").set_index("pruning_ratio")
    assert [*table.status] == ["done", "failed"]
    assert table.gmacs[0.2] == 1.5
    (lost,) = [one for one in read_all(tmp_path / "results" / "test") if one.status == "failed"]
    assert "RuntimeError: a worker was terminated" in lost.traceback
    # Being cut off is no failure of the variant: it is not skipped.
    assert "failed before" not in command("run", *arguments, "dry_run=true").out


def test_jobs_are_launched_again_for_as_long_as_that_brings_more_of_them_to_an_end(
    command: Command,
    compose_variant: Callable[..., DictConfig],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each launch loses a worker after another variant has ended, by a machine whose stages have other keys."""
    ratios = ["0.2", "0.3", "0.4"]
    configs = [_config(compose_variant("pruning=one_shot", f"pruning.ratio={ratio}")) for ratio in ratios]
    launched: list[int] = []

    def launch(jobs: list[list[str]], initial_job_idx: int) -> list[JobReturn]:
        launched.append(len(jobs))
        record = replace(row.describe(configs[len(launched) - 1]), stages=["model/of_another_machine"])
        write(replace(record, values={"gmacs": float(len(launched))}), tmp_path / "results" / "test")
        raise RuntimeError("a worker was terminated")

    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda *_, **__: SimpleNamespace(launch=launch))
    places = (f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}", "name=test", "launcher.workers=3")
    done = command("run", "-m", *CHEAP, "pruning=one_shot", f"pruning.ratio={','.join(ratios)}", *places)
    assert done.code == 0, done.err
    assert launched == [3, 3, 3]
    assert done.err.count("a job gave no result (RuntimeError: a worker was terminated): launching again") == 2
    table = _table(tmp_path / "results" / "test").set_index("pruning_ratio")
    assert [*table.gmacs[[0.2, 0.3, 0.4]]] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("outlives, sizes", [("false", [3, 3, 1, 1, 1]), ("true", [3, 1, 1, 1])])
def test_a_job_that_always_dies_ends_no_other(
    command: Command,
    compose_variant: Callable[..., DictConfig],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    outlives: str,
    sizes: list[int],
) -> None:
    """It takes the others' processes with it wherever it is launched with them.

    Their records of an earlier run are no end: one is of a result that the store has lost, or whose times are to be
    taken again, the others are of failures that are to be tried again.
    """
    ratios = ["0.2", "0.3", "0.4"]
    configs = {ratio: _config(compose_variant("pruning=one_shot", f"pruning.ratio={ratio}")) for ratio in ratios}
    for ratio, config in configs.items():
        record = replace(row.describe(config), status="done" if ratio == "0.2" else "failed", reason="before")
        record.stages = [stage.address for stage in plan(config).stages]
        path = write(record, tmp_path / "results" / "test")
        os.utime(path, (0, 0))
    launched: list[int] = []

    def launch(jobs: list[list[str]], initial_job_idx: int) -> list[JobReturn]:
        launched.append(len(jobs))
        if any("pruning.ratio=0.3" in job for job in jobs):
            raise RuntimeError("a worker was terminated")
        (ratio,) = [one.removeprefix("pruning.ratio=") for one in jobs[0] if one.startswith("pruning.ratio=")]
        assert ratios[initial_job_idx] == ratio
        record = replace(row.describe(configs[ratio]), values={"gmacs": 1.0})
        write(record, tmp_path / "results" / "test")
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=Ending.of(record))]

    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda *_, **__: SimpleNamespace(launch=launch))
    done = command(
        "run", "-m", *CHEAP, "pruning=one_shot", f"pruning.ratio={','.join(ratios)}", "launcher.workers=3",
        f"launcher.outlives_sweep={outlives}", f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}",
        "name=test", "retry_failed=true",
    )  # fmt: skip
    assert launched == sizes
    assert done.code == 2
    assert "error: 1 of 3 variants failed" in done.err
    table = _table(tmp_path / "results" / "test").set_index("pruning_ratio")
    assert [*table.status[[0.2, 0.3, 0.4]]] == ["done", "failed", "done"]


def test_a_job_whose_time_is_up_has_a_row_that_says_so(
    command: Command, compose_variant: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Slurm ends the variant, which tells; then submitit raises within the job, which Hydra gives back."""
    config = _config(compose_variant("pruning=one_shot", "pruning.ratio=0.2"))
    why = "stopped by SIGUSR2: the same command goes on from where it was"

    def launch(jobs: list[list[str]], initial_job_idx: int) -> list[JobReturn]:
        failed(config, why, stopped=True)
        return [JobReturn(status=JobStatus.FAILED, _return_value=RuntimeError("Job not requeued because: timed out"))]

    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda *_, **__: SimpleNamespace(launch=launch))
    places = (f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}", "name=test")
    done = command("run", "-m", *CHEAP, "pruning=one_shot", "pruning.ratio=0.2", *places)
    assert done.code == 2
    (record,) = read_all(tmp_path / "results" / "test")
    assert (record.status, record.reason, record.details["stopped"]) == ("failed", why, True)


def test_what_a_machine_lacks_is_the_failure_of_its_row_alone(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first_is_done: Record
) -> None:
    """A job finds out where it runs, long after its config was checked here."""

    def launch(jobs: list[list[str]], initial_job_idx: int) -> list[JobReturn]:
        if initial_job_idx == 0:
            return [JobReturn(status=JobStatus.FAILED, _return_value=ValueError("the network is not there"))]
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=Ending.of(first_is_done))]

    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda *_, **__: SimpleNamespace(launch=launch))
    places = (f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}", "name=test")
    done = command("run", "-m", *CHEAP, "pruning=one_shot", "pruning.ratio=0.4,0.2", *places)
    assert done.code == 2
    assert "error: 1 of 2 variants failed" in done.err
    (failed,) = [one for one in read_all(tmp_path / "results" / "test") if one.status == "failed"]
    assert (failed.pruning_ratio, failed.reason) == (0.4, "the network is not there")
    assert "ValueError: the network is not there" in failed.traceback


@pytest.mark.parametrize(
    "running, outlives, rows", [(False, False, []), (True, False, ["failed"]), (True, True, [])],
    ids=["none runs", "its workers are killed", "its jobs go on"],
)  # fmt: skip
def test_ctrl_c_in_a_launcher_stays_ctrl_c(
    command: Command,
    compose_variant: Callable[..., DictConfig],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    first_is_done: Record,
    running: bool,
    outlives: bool,
    rows: list[str],
) -> None:
    folder = tmp_path / "results" / "test"
    second = _config(compose_variant("pruning=one_shot", "pruning.ratio=0.4"))["variant"]

    def launch(*_: Any, **__: Any) -> list[JobReturn]:
        if running:
            log_path(folder, second).parent.mkdir()
            log_path(folder, second).write_text("begins\n")
        raise KeyboardInterrupt

    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda *_, **__: SimpleNamespace(launch=launch))
    places = (f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}", "name=test")
    arguments = ("-m", *CHEAP, *TWO, *places, f"launcher.outlives_sweep={outlives}")
    done = command("run", *arguments)
    assert done.code == 130
    assert done.err.splitlines()[-1] == "interrupted"
    assert [*_table(folder).status] == ["done", *rows]
    for stopped in (record for record in read_all(folder) if record.status == "failed"):
        assert stopped.variant == second
        assert stopped.reason.startswith("stopped with its sweep, by Ctrl-C or SIGTERM: the same command goes on")
        assert stopped.reason in log_path(folder, second).read_text()
    assert "failed before" not in command("run", *arguments, "dry_run=true").out


def _interrupted(*_: Any, **__: Any) -> None:
    raise Stopped(signal.SIGINT)


def test_who_is_stopped_leaves_the_result_that_another_process_has_written(
    compose_variant: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first_is_done: Record
) -> None:
    monkeypatch.setattr("vtoncompress.pipeline.Stage.build", _interrupted)
    stopped = variant.run(_config(compose_variant("pruning=one_shot", "pruning.ratio=0.2")))
    assert (stopped.status, stopped.details["stopped"]) == ("failed", True)
    path = tmp_path / "results" / "test" / "records" / f"{first_is_done.variant}.json"
    assert read(path) == read(write(first_is_done, tmp_path / "expected"))
    write(replace(first_is_done, stages=["model/of_other_code"]), tmp_path / "results" / "test")
    variant.run(_config(compose_variant("pruning=one_shot", "pruning.ratio=0.2")))
    assert read(path).reason.startswith("stopped by Ctrl-C")


@pytest.mark.parametrize("place", ["row.describe", "plan", "_copy_pictures", "write_durably"])
def test_wherever_a_variant_fails_its_record_says_why(
    compose_variant: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    config = _config(compose_variant("variant=doomed"))
    failures = iter([OSError(errno.ENOSPC, "No space left on device")])

    def fail(*arguments: Any) -> Any:
        for failure in failures:
            raise failure
        return write(*arguments)

    monkeypatch.setattr("vtoncompress.pipeline.Stage.build", lambda *_: (None, 0.0))
    monkeypatch.setattr("vtoncompress.variant.row.fill", lambda record, *_: record.values.update(gmacs=1.0))
    monkeypatch.setattr("vtoncompress.variant._copy_pictures", lambda *_: None)
    monkeypatch.setattr(f"vtoncompress.variant.{place}", fail)
    assert variant.run(config).status == "failed"
    record = read(tmp_path / "results" / "test" / "records" / "doomed.json")
    assert record.reason.startswith("the disk is full: free some")
    assert "OSError: [Errno 28]" in record.traceback
    assert record.values == {}


@pytest.mark.skipif(sys.platform != "linux", reason="only there a process can ask to die with another")
def test_a_variant_does_not_outlive_the_sweep_that_was_killed(tmp_path: Path) -> None:
    command = [
        sys.executable, str(ROOT / "experiments" / "run.py"), *CHEAP, "finetuning=supervised",
        "finetuning.samples=40000", f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}", "name=test",
    ]  # fmt: skip
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    _wait_until(lambda: [*tmp_path.glob("results/test/logs/*.log")], 120)
    (child,) = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    assert "vtoncompress.variant" in Path(f"/proc/{child}/cmdline").read_text()
    run.kill()  # itself alone, not its group
    run.wait()
    _wait_until(lambda: not _runs(child), 10)


def test_a_variant_whose_sweep_died_before_it_began_ends_at_once(
    compose_variant: Callable[..., DictConfig], tmp_path: Path
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    told = {"config": _config(compose_variant()), "requested": time.time(), "parsed": [], "parent": gone.pid}
    (tmp_path / variant.REQUEST).write_text(json.dumps(told))
    command = [sys.executable, "-m", "vtoncompress.variant", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr == "the sweep that asked for this variant is gone\n"
    assert {path.name for path in tmp_path.iterdir()} == {variant.REQUEST}


def _runs(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def _wait_until(happened: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


INTERRUPTED = """
import signal, subprocess, sys
from vtoncompress.sweep import _wait

code = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print(flush=True); signal.pause()"
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()

def time_is_up(*_):
    raise RuntimeError("the job's time is up")

signal.signal(signal.SIGALRM, time_is_up)
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    _wait(child)
except RuntimeError as error:
    print(error, child.returncode)
"""


def test_what_ends_a_job_stops_its_variant_first() -> None:
    """As submitit does when the job's time is nearly up: its handler of a signal raises wherever the job is."""
    command = [sys.executable, "-c", INTERRUPTED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("the job's time is up 7\n", "")


def test_sigterm_ends_a_variant_with_that_reason_and_the_next_run_goes_on(tmp_path: Path) -> None:
    command = [
        sys.executable, str(ROOT / "experiments" / "run.py"), *CHEAP, "finetuning=supervised",
        "finetuning.samples=4000",
        f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}", "name=test", "variant=long",
        "finetuning.checkpoint_every=1",
    ]  # fmt: skip
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not [*tmp_path.glob("store/work/finetuning/*/training.pt")]:
        assert time.monotonic() < deadline, "the training never got to its first checkpoint"
        time.sleep(0.1)
    run.terminate()
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    record = read(tmp_path / "results" / "test" / "records" / "long.json")
    assert (record.status, record.details["stopped"]) == ("failed", True)
    assert record.reason == "stopped by SIGTERM: the same command goes on from where it was"
    assert "failed" in (tmp_path / "results" / "test" / "logs" / "long.log").read_text()
    assert _table(tmp_path / "results" / "test").reason.str.contains("SIGTERM").all()
    assert [*tmp_path.glob("store/work/finetuning/*/training.pt")], "what it goes on from is gone"


def test_jobs_that_differ_in_unused_options_only_are_one(command: Command, tmp_path: Path) -> None:
    places = (f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}", "name=test", "dry_run=true")
    done = command("run", "-m", *CHEAP, "pruning=none,one_shot", "pruning.ratio=0.2,0.4", *places)
    assert done.code == 0, done.err
    assert (done.out.count("dense"), done.out.count("one_shot_0.2"), done.out.count("one_shot_0.4")) == (1, 1, 1)


def test_named_variants_times_a_grid_have_names_of_their_own(command: Command, tmp_path: Path) -> None:
    done = command("run", "-m", "experiment=quickstart", "seed=0,1", f"store={tmp_path / 'store'}", "dry_run=true")
    assert done.code == 0, done.err
    assert all(f"dense_torch-seed_{seed}" in done.out for seed in (0, 1))
    same = command("run", "-m", *CHEAP, "variant=one", "seed=0,1", f"results={tmp_path / 'results'}")
    assert (same.code, same.err.count("\n")) == (2, 1)
    assert "two variants of this sweep are called one" in same.err
