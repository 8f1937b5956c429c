"""A row of a table becomes a folder that can be shipped: files, manifest, figures; and it tries on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command, Sweep
from vtoncompress.data.base import Pair
from vtoncompress.deployment import open_deployment, read_manifest
from vtoncompress.export.openvino import OpenVINORuntime
from vtoncompress.image import read_image, write_image
from vtoncompress.record import Record, read_all, write


@pytest.fixture
def record(sweep: Sweep) -> Record:
    """The INT8 variant of the lower ratio."""
    return next(
        record for record in read_all(sweep.folder) if (record.pruning_ratio, record.quantization) == (0.25, "nncf_ptq")
    )


def _places(sweep: Sweep) -> list[str]:
    return [f"results={sweep.results}", f"store={sweep.store}", f"name={sweep.name}"]


def test_an_exported_variant_tries_on(
    sweep: Sweep, record: Record, command: Command, tmp_path: Path, pairs: list[Pair]
) -> None:
    out = tmp_path / "deployed"
    done = command("export", f"variant={record.variant}", f"out={out}", *_places(sweep))
    assert (done.code, done.out, done.err) == (0, f"{out}\n", "")
    assert {path.name for path in out.iterdir()} == {"model.xml", "model.bin", "manifest.json"}
    manifest = read_manifest(out)
    assert (manifest.runtime, manifest.model, manifest.size) == ("openvino", "pf_afn_small", (128, 96))
    assert (manifest.convention, manifest.protocol) == ("official", "generated")
    assert manifest.measured == record.values
    assert manifest.measured["ssim_garment"] > 0

    deployed = open_deployment(out, threads=1)
    assert isinstance(deployed.runtime, OpenVINORuntime)
    pair = pairs[0]
    expected = deployed(pair.person, pair.garment)
    assert expected.shape == (128, 96, 3)
    for name in ("person", "garment"):
        write_image(tmp_path / f"{name}.png", getattr(pair, name))
    tried = command(
        "try_on", f"deployment={out}", f"person={tmp_path / 'person.png'}", f"garment={tmp_path / 'garment.png'}",
        f"out={tmp_path / 'result.png'}", "threads=1",
    )  # fmt: skip
    assert tried.code == 0, tried.err
    np.testing.assert_array_equal(read_image(tmp_path / "result.png"), expected)


def test_size_is_that_of_every_file_that_is_shipped(
    sweep: Sweep, record: Record, command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "deployed"
    assert command("export", f"variant={record.variant}", f"out={out}", *_places(sweep)).code == 0
    files = sum(path.stat().st_size for path in out.iterdir())
    # The manifest has gained its figures since.
    assert record.values["size_mib"] * 2**20 == pytest.approx(files, abs=4000)


def test_mistakes(sweep: Sweep, record: Record, command: Command, tmp_path: Path) -> None:
    def error(*arguments: str) -> str:
        done = command("export", *arguments)
        assert done.code == 2
        assert done.err.count("\n") == 1
        return done.err

    places, out = _places(sweep), tmp_path / "deployed"
    assert record.variant in error("variant=nothing", f"out={out}", *places)
    assert "variant is missing" in error(f"out={out}", *places)
    assert "there are no records" in error("variant=any", f"out={out}", f"results={tmp_path}")
    empty = f"store={tmp_path / 'store'}"
    assert "not in the store" in error(f"variant={record.variant}", f"out={out}", *places[:1], *places[2:], empty)
    failed = Record(variant="doomed", status="failed", reason="no memory")
    write(failed, tmp_path / "failures")
    assert "doomed failed (no memory)" in error(
        "variant=doomed", f"out={out}", f"results={tmp_path}", "name=failures", empty
    )
    assert not out.exists()
    out.mkdir()
    (out / "mine").write_text("precious")
    assert "exists: choose a new folder" in error(f"variant={record.variant}", f"out={out}", *places)
    assert [path.name for path in out.iterdir()] == ["mine"]
    assert {path.name for path in tmp_path.iterdir()} == {"deployed", "failures"}
