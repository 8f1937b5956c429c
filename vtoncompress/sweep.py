"""The parent of a sweep: runs each variant in a child process, and ends with the table."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from vtoncompress import fingerprint, profile_file, row
from vtoncompress.failure import STOPPED_WITH_SWEEP, reason_of_death, was_stopped
from vtoncompress.outcome import Ending, failed, left, log_path, settled
from vtoncompress.pipeline import Plan, plan
from vtoncompress.record import Record, read_all, write, write_text
from vtoncompress.report.origin import COMMAND
from vtoncompress.store import Store
from vtoncompress.sweep_time import note_run, where_time_went
from vtoncompress.tracking import choose_tracker, track
from vtoncompress.variant import REQUEST, THREADS

if TYPE_CHECKING:
    from vtoncompress.sweep_progress import SweepProgress

RUN_SECONDS = ("stage_seconds", "start_seconds", "waiting_seconds")
"""Details of a record that are of the run that wrote it."""


def run_variant(config: dict[str, Any]) -> Record:
    """Run the variant of a :func:`complete` config in a child process, unless it is known how that ends.

    It is where the store has all of it, or where it failed before with the same config, inputs and code and
    ``retry_failed`` is not set. One that was stopped is taken up again.

    Returns:
        The record, with ``total_seconds`` in its details.
    """
    begun = time.monotonic()
    stages = plan(config)
    record = _known(config, stages)
    if record is None:
        # Read here, once for all variants, and handed to their processes.
        for stage in stages.stages:
            fingerprint.module_hashes(stage.code)
        record = _run_child(config)
        finished = time.monotonic()
        track(record, Path(config["results"]) / config["name"], choose_tracker(config["tracker"]))
        record.details["tracker_seconds"] = time.monotonic() - finished
    record.details["total_seconds"] = time.monotonic() - begun
    return record


def _known(config: dict[str, Any], stages: Plan) -> Record | None:
    before = settled(config, stages)
    return None if before is None else known_end(config, stages, before)


def known_end(config: dict[str, Any], stages: Plan, before: Record) -> Record:
    """The record of a variant for which there is nothing to do, as it is written for the present config.

    Args:
        config: complete.
        stages: of it.
        before: its record of an earlier run.
    """
    if before.status == "failed":
        told = f"failed before ({before.reason}); retry_failed=true tries again"
        print(f"{config['variant']}: {told}", file=sys.stderr)
        return _without_seconds(before)
    record, folder = row.fill(row.describe(config), stages, Store(Path(config["store"]))), _folder(config)
    profile_file.move_out(record, folder)
    # As they are, so that the same record is written again and its page need not be drawn anew.
    record.details |= {name: before.details[name] for name in RUN_SECONDS if name in before.details}
    write(record, folder)  # not forced onto the disk: of many variants that would take longer than all the rest
    print(f"{config['variant']}: finished before", file=sys.stderr)
    return _without_seconds(record)


def _without_seconds(record: Record) -> Record:
    """Those of the run that wrote it are none of this one's."""
    for name in RUN_SECONDS:
        record.details.pop(name, None)
    return record


def _folder(config: Mapping[str, Any]) -> Path:
    return Path(config["results"]) / config["name"]


def _run_child(config: dict[str, Any]) -> Record:
    print(f"{config['variant']}: running", file=sys.stderr)
    threads = dict.fromkeys(THREADS, str(config["threads"]))
    with tempfile.TemporaryDirectory() as name:
        request = Path(name)
        told = {
            "config": config, "requested": time.time(), "parsed": fingerprint.parsed(), "parent": os.getpid()
        }  # fmt: skip
        (request / REQUEST).write_text(json.dumps(told))
        command = [sys.executable, "-m", "vtoncompress.variant", name]
        code = _wait(subprocess.Popen(command, env={**os.environ, **threads}))
        told_by_child = left(request, config["variant"])
        return told_by_child or failed(config, reason_of_death(code), stopped=was_stopped(code))


def _wait(child: subprocess.Popen[bytes]) -> int:
    """The child's exit code. What stops this process stops the child first, which then writes its record.

    That is Ctrl-C, or what submitit raises when the time of its job is nearly up.
    """
    try:
        return child.wait()
    except BaseException:
        child.send_signal(signal.SIGTERM)
        child.wait()
        raise


def finish(cfg: DictConfig, endings: Sequence[Ending], begun: float, prepared: float = 0.0) -> None:
    """Write the experiment's tables and pages, print the table, what failed, and where the time went.

    Args:
        cfg: of the sweep.
        endings: of its variants.
        begun: ``time.monotonic()`` when the first config was looked at.
        prepared: seconds from then until the first variant was begun.

    Raises:
        ValueError: a variant of this run failed.
    """
    from vtoncompress.summary import summarise
    from vtoncompress.terminal import print_table

    folder = Path(cfg.results) / cfg.name
    write_text(folder / COMMAND, f"python experiments/run.py {shlex.join(sys.argv[1:])}\n")
    writing = time.monotonic()
    everything = write_results(folder)
    written = time.monotonic() - writing
    print_table(everything)
    for sentence in summarise(everything):
        print(sentence)
    print(f"tables, records and pictures: {folder}/table.md, records/, report.html")
    if (beside := folder / "published.md").is_file():
        print(f"beside the published tables: {beside}")
    wall = time.monotonic() - begun
    told = where_time_went(endings, wall, written, int(cfg.launcher.workers), prepared)
    print(told)
    note_run(folder, endings, wall, told)
    failed = [ending for ending in endings if ending.status == "failed"]
    if not failed:
        return
    for ending in failed:
        print(f"{ending.variant} failed: {ending.reason} ({log_path(folder, ending.variant)})", file=sys.stderr)
    if len(failed) == len(endings) == 1:
        raise ValueError(failed[0].reason)
    raise ValueError(f"{len(failed)} of {len(endings)} variants failed, for the reasons above")


@contextmanager
def tables_if_stopped(cfg: DictConfig) -> Iterator[None]:
    """Where the work within is interrupted, the tables still show what is there."""
    try:
        yield
    except KeyboardInterrupt:
        write_results(Path(cfg.results) / cfg.name)
        raise


@contextmanager
def records_if_stopped(progress: SweepProgress) -> Iterator[None]:
    """Where the work within is interrupted, every variant that was running has a record that says so.

    A variant writes its own where it can, but launchers may kill their workers and all that these have started.
    """
    try:
        yield
    except KeyboardInterrupt:
        for config in progress.running():
            failed(config, STOPPED_WITH_SWEEP, stopped=True)
        raise


def write_results(folder: Path) -> list[Record]:
    """Write the tables, the report and what stands beside published tables, of all records of an experiment."""
    from vtoncompress.published.view import write_comparisons
    from vtoncompress.report.write import write_report
    from vtoncompress.table import write_tables

    records = read_all(folder)
    write_tables(records, folder)
    write_comparisons(records, folder)
    write_report(folder, records)
    return records
