"""A record survives the disk, is never half there, and tells nothing of the machine it came from."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vtoncompress import record
from vtoncompress.durable_record import write_durably
from vtoncompress.outcome import failed
from vtoncompress.record import Record, check_comparable, split_by_protocol


def measured(name: str, **trust: object) -> Record:
    return Record(name, protocol="generated", pairs=8, values={"fid": 1.0, "ssim": 0.9}, trust=dict(trust))


def test_a_record_survives_the_disk_with_every_digit(tmp_path: Path) -> None:
    before = Record("a_0.2", pruning_ratio=0.2, values={"ssim": 0.1 + 0.2}, missing={"fid": "no weights"}, stages=["k"])
    path = record.write(before, tmp_path)
    assert path == tmp_path / "records" / "a_0.2.json"
    assert record.read(path) == before
    assert os.listdir(path.parent) == ["a_0.2.json"]


def test_a_hundred_samples_take_one_line(tmp_path: Path) -> None:
    samples = [1.25, 2.5e-07, -3.0] * 33
    path = record.write(Record("a", details={"latency_ms": samples}), tmp_path)
    assert len(path.read_text().splitlines()) < 40
    assert record.read(path).details["latency_ms"] == samples


def test_what_is_not_finite_is_missing_with_its_reason(tmp_path: Path) -> None:
    values = {"fid": math.nan, "psnr": math.inf, "ssim": 0.5}
    path = record.write(Record("a", values=values, details={"samples": [math.nan, 1.0]}), tmp_path)
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    after = record.read(path)
    assert after.values == {"ssim": 0.5}
    assert after.missing == {"fid": "came out as nan", "psnr": "came out as inf"}
    assert after.details == {"samples": [None, 1.0]}


def test_numpy_values_are_written_as_plain_numbers(tmp_path: Path) -> None:
    details = {"ratio": np.float32(0.5), "shape": np.arange(3), 7: (np.int64(1),)}
    after = record.read(record.write(Record("a", values={"ssim": np.float64(0.25)}, details=details), tmp_path))
    assert after.values == {"ssim": 0.25}
    assert after.details == {"ratio": 0.5, "shape": [0, 1, 2], "7": [1]}


@pytest.mark.parametrize(
    "text, kept",
    [
        ("/home/someone/data/viton", "viton"),
        ("/home/some one/data/x.pth", "x.pth"),
        ("/home/someone/x.png is damaged: get it again", "x.png is damaged: get it again"),
        (r"C:\Users\someone\viton", "viton"),
        ("no file at /home/someone/weights.pth: give another", "no file at weights.pth: give another"),
        ('File "/usr/lib/python3.11/json/decoder.py", line 3', 'File "decoder.py", line 3'),
        (f'File "{record.ROOT}/vtoncompress/pipeline.py", line 3', 'File "vtoncompress/pipeline.py", line 3'),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("0.4 ms/frame/core, and/or, v / 127.5 - 1, results/quickstart", None),
    ],
)
def test_paths_of_the_machine_are_not_recorded(tmp_path: Path, text: str, kept: str | None) -> None:
    before = Record("a", status="failed", traceback=text, trust={"config": {"store": text, "list": [text]}})
    after = record.read(record.write(before, tmp_path))
    kept = text if kept is None else kept
    assert after.traceback == kept
    assert after.trust["config"] == {"store": kept, "list": [kept]}


def test_a_failed_write_leaves_the_old_record(tmp_path: Path) -> None:
    path = record.write(Record("a", values={"ssim": 0.5}), tmp_path)
    with pytest.raises(TypeError):
        record.write(Record("a", details={"x": object()}), tmp_path)
    assert record.read(path).values == {"ssim": 0.5}
    assert os.listdir(path.parent) == ["a.json"]


def _fail(before: Record, folder: Path) -> None:
    failed({"results": folder, "name": ".", "variant": before.variant, "order": 0}, "out of memory")


@pytest.mark.parametrize("keep", [write_durably, _fail])
def test_a_record_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Callable[[Record, Path], object]
) -> None:
    """A power cut leaves the old one or the new one, and never one that is there but empty."""
    steps: list[tuple[str, int | str]] = []
    sync, replace = os.fsync, os.replace

    def noted_sync(descriptor: int) -> None:
        steps.append(("fsync", os.fstat(descriptor).st_ino))
        sync(descriptor)

    def noted_replace(source: Path, target: Path) -> None:
        steps.append(("replace", str(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    keep(Record("a"), tmp_path)
    path = tmp_path / "records" / "a.json"
    assert steps[-3:] == [
        ("fsync", path.stat().st_ino), ("replace", str(path)), ("fsync", path.parent.stat().st_ino)
    ]  # fmt: skip
    assert record.read(path).variant == "a"
    assert os.listdir(path.parent) == ["a.json"]


def test_processes_of_one_number_on_two_hosts_do_not_meet_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    replace = os.replace

    def between(source: Path, target: Path) -> None:
        names.append(Path(source).name)
        if len(names) == 1:  # the other host writes the same file at this moment
            record.write_text(target, "theirs")
        replace(source, target)

    monkeypatch.setattr("vtoncompress.record.os.replace", between)
    record.write_text(tmp_path / "a.json", "ours")
    assert len(set(names)) == 2
    assert all(name.startswith(".") for name in names)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["ours"]


def test_records_come_in_their_order_then_by_name(tmp_path: Path) -> None:
    for name, order in (("b", 1), ("c", 0), ("a", 1)):
        record.write(Record(name, order=order), tmp_path)
    (tmp_path / "records" / ".d.json.1.part").write_text("half")
    assert [one.variant for one in record.read_all(tmp_path)] == ["c", "a", "b"]
    assert record.read_all(tmp_path / "nothing") == []


@pytest.mark.parametrize(
    "text",
    ['{"variant": "a"', "[]", "", '{"variant": "a", "unheard": 1}', '{"variant": "b"}', "\x00",
     '{"variant": "a", "values": null}', '{"variant": "a", "values": {"fid": NaN}}', '{"variant": "a", "role": "x"}'],
)  # fmt: skip
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"records/a\.json is damaged .*: delete it and run its experiment again"):
        record.read_all(tmp_path)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "x" * 121, "a\n"])
def test_a_variant_must_be_usable_as_a_file_name(name: str) -> None:
    with pytest.raises(ValueError, match="can't name a file"):
        Record(name)


@pytest.mark.parametrize(
    "field, other",
    [
        ("pair_list_hash", "bbbb"),
        ("picture_size", [256, 192]),
        ("fid_extractor", "Inception"),
        ("fid_resizing", "bicubic"),
    ],
)
def test_the_refusal_to_compare_names_the_field(field: str, other: object) -> None:
    trust = {"pair_list_hash": "aaaa", "picture_size": [128, 96]}
    metrics = {"fid_extractor": "shipped", "fid_resizing": "none"}
    first = measured("first", **trust, metrics={"fid": metrics})
    if field in metrics:
        second = measured("second", **trust, metrics={"fid": metrics | {field: other}})
    else:
        second = measured("second", **trust | {field: other}, metrics={"fid": metrics})
    check_comparable([first, first])
    with pytest.raises(ValueError, match=f"first and second can't be compared: {field} is .* tabulate them apart"):
        check_comparable([first, second])
    assert split_by_protocol([first, second]) == [[first], [second]]


def test_other_protocol_or_number_of_pairs_is_not_compared() -> None:
    first, second, third = measured("a"), measured("b"), measured("c")
    second.protocol, third.pairs = "pf_afn_viton", 9
    with pytest.raises(ValueError, match="protocol is generated for the one and pf_afn_viton"):
        check_comparable([first, second])
    with pytest.raises(ValueError, match="pairs is 8 for the one and 9"):
        check_comparable([first, third])


def test_rows_without_quality_join_the_table_of_their_protocol() -> None:
    other = Record("other", protocol="pf_afn_viton", status="failed")
    failed, cost = Record("a", protocol="generated", status="failed"), Record("b", protocol="generated", pairs=0)
    quality = measured("c", pair_list_hash="aaaa")
    early = Record("early", status="failed")  # before its protocol was known
    assert split_by_protocol([failed, other, cost, quality, early]) == [[failed, cost, quality, early], [other]]


def test_a_failed_row_joins_those_of_as_many_pairs() -> None:
    few, many = measured("few", pair_list_hash="aaaa"), measured("many", pair_list_hash="bbbb")
    many.pairs = 256
    failed = Record("failed", protocol="generated", pairs=256, status="failed")
    assert split_by_protocol([few, failed, many]) == [[few], [failed, many]]


def test_the_environment_is_told_without_loading_what_it_names() -> None:
    code = (
        "import sys, json; from vtoncompress.environment import environment; print(json.dumps(environment()));"
        "assert not {'torch', 'openvino', 'onnxruntime', 'pandas', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=record.ROOT)
    told = json.loads(done.stdout)
    assert told["cpu"]
    assert 1 <= told["threads_available"] <= (os.cpu_count() or 1)
    assert {"vtoncompress", "torch", "numpy"} <= told["versions"].keys()
    assert os.uname().nodename not in json.dumps(told).split('"')
