"""Wherever the variants of a sweep are run, the table is the same."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests import faults
from tests.conftest import TOY
from vtoncompress.record import read_all

SWEEP = (
    "-m", *TOY, "pruning=one_shot", "pruning.ratio=0.3", "finetuning=supervised", "quantization=none,nncf_ptq",
    "threads=1", "metric=[cost,size,garment,speed]", "metric.speed.seconds=0", "metric.speed.repetitions=2",
    "metric.speed.turn=1", f"name={faults.NAME}",
)  # fmt: skip


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("basic")
    faults.run(folder, SWEEP)
    table = faults.table(folder)
    assert [*table.status] == ["done"] * len(table)
    assert (table.role == "variant").sum() == 2
    return table


def _run(folder: Path, *launcher: str) -> pd.DataFrame:
    faults.run(folder, (*SWEEP, *launcher))
    faults.check_whole(folder)
    assert set(faults.built(folder).values()) == {1}
    return faults.table(folder)


def test_joblib(basic: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    table = _run(tmp_path, "launcher=joblib", "launcher.workers=2")
    pd.testing.assert_frame_equal(table, basic, check_exact=True)


def test_joblib_stopped_while_its_variants_run(tmp_path: Path) -> None:
    """It kills its workers and what they have started, which leaves these no time for a record."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    sweep = faults.start(tmp_path, (*SWEEP, "launcher=joblib", "launcher.workers=2", "finetuning.samples=40000"))
    folder, deadline = tmp_path / "results" / faults.NAME, time.monotonic() + 300
    try:
        while len([*folder.glob("logs/*.log")]) < 2:
            assert time.monotonic() < deadline, (tmp_path / "output").read_text()
            time.sleep(0.1)
        sweep.terminate()
        assert sweep.wait(60) == 130
    finally:
        sweep.kill()
    stopped = read_all(folder)
    assert [(one.status, one.details["stopped"]) for one in stopped] == [("failed", True)] * 2
    assert all(one.reason.startswith("stopped ") for one in stopped)
    assert [*faults.table(tmp_path).status] == ["failed", "failed"]


def test_joblib_goes_on_without_a_worker_that_was_killed(basic: pd.DataFrame, tmp_path: Path) -> None:
    """By the kernel, say: joblib then gives up all of its jobs."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    sweep = faults.start(tmp_path, (*SWEEP, "launcher=joblib", "launcher.workers=2"))
    folder, deadline = tmp_path / "results" / faults.NAME, time.monotonic() + 300
    try:
        while not [*folder.glob("logs/*.log")]:
            assert time.monotonic() < deadline, (tmp_path / "output").read_text()
            time.sleep(0.1)
        worker = psutil.Process(sweep.pid).children()[-1]
        assert any(
            "vtoncompress.variant" in " ".join(one.cmdline()) for one in psutil.Process(sweep.pid).children(True)
        )
        worker.kill()
        assert sweep.wait(300) == 0, (tmp_path / "output").read_text()
    finally:
        sweep.kill()
    assert "a job gave no result" in (tmp_path / "output").read_text()
    faults.check_whole(tmp_path)
    pd.testing.assert_frame_equal(faults.table(tmp_path), basic, check_exact=True)


def test_submitit_on_this_machine(basic: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    pd.testing.assert_frame_equal(_run(tmp_path, "launcher=submitit_local"), basic, check_exact=True)


@pytest.fixture
def cluster() -> Iterator[str]:
    """Address of a Ray cluster of a head, which runs nothing, and two workers, of one CPU each."""
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    from ray.cluster_utils import Cluster

    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    memory = {"object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **memory})
    for _ in range(2):
        cluster.add_node(num_cpus=1, **memory)
    yield cluster.address
    cluster.shutdown()


def test_ray_on_a_cluster_of_a_head_and_two_workers(basic: pd.DataFrame, cluster: str, tmp_path: Path) -> None:
    table = _run(tmp_path, "launcher=ray", f"launcher.address='{cluster}'")
    pd.testing.assert_frame_equal(table, basic, check_exact=True)
