"""The child process that runs one variant: ``python -m vtoncompress.variant FOLDER``.

A process of its own, so that one that the kernel kills takes nothing with it.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import logging
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtoncompress import fingerprint, machine, profile_file, row
from vtoncompress.durable_record import write_durably
from vtoncompress.failure import Stopped, reason, root, stop_on_signals
from vtoncompress.outcome import log_path, write_failure
from vtoncompress.picture_grid import chosen_path, grid_path
from vtoncompress.pipeline import Config, Plan, Stage, plan, plan_ceiling, plan_reference
from vtoncompress.record import Record, write
from vtoncompress.store import Store

if TYPE_CHECKING:
    from vtoncompress.reference import Reference

REQUEST = "request.json"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
LOG = logging.getLogger("vtoncompress.variant")  # not __main__, which it is when it is run


def run(cfg: Config) -> Record:
    """Build what is not in the store, measure, and write the variant's record and pictures.

    A variant that fails or is stopped leaves a record that says why.
    """
    store, folder = Store(Path(cfg["store"])), Path(cfg["results"]) / cfg["name"]
    record, seconds = Record(cfg["variant"], order=cfg["order"]), 0.0
    try:
        with machine.use(alone=False):  # libraries are loaded, which would disturb whoever measures time
            record = row.describe(cfg)
            stages = plan(cfg)
            record.stages = [stage.address for stage in stages.stages]
        for stage in stages.stages:
            with _own_threads(stage):
                seconds += stage.build(store)[1]
        row.fill(record, stages, store)
        profile_file.move_out(record, folder)
        seconds += _write_references(cfg, record, store, folder)
        record.details["stage_seconds"] = round(seconds, 3)
        record.details["waiting_seconds"] = round(store.waited + machine.waited(), 3)
        # The record last: where it says "done" the pictures are there.
        _copy_pictures(stages, store, record, folder)
        write_durably(record, folder)
    except (Exception, Stopped) as error:
        LOG.exception("failed")
        record.status, record.reason, record.traceback = "failed", reason(root(error)), traceback.format_exc()
        record.values = {}
        record.details = {
            "stopped": isinstance(root(error), Stopped),
            "error": type(root(error)).__name__,
            "stage_seconds": round(seconds, 3),
            "waiting_seconds": round(store.waited + machine.waited(), 3),
        }
        try:
            write_failure(record, folder)
        except OSError:
            LOG.exception("the record can't be written")
    return record


@contextmanager
def _own_threads(stage: Stage) -> Iterator[None]:
    """Processes that train together share this one's threads; by the sweep's variables each would take all of them."""
    training = stage.config.get("finetuning") or stage.config.get("quantization", {}).get("training") or {}
    if training.get("processes", 1) == 1:
        yield
        return
    import torch  # noqa: F401 - it has read them then

    told = {name: os.environ.pop(name) for name in THREADS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(told)


def _write_references(cfg: Config, record: Record, store: Store, folder: Path) -> float:
    """The rows that frame the table, once a data set. Returns the seconds that their stages took."""
    total = 0.0
    for reference, stage in reference_stages(cfg):
        artifact, seconds = stage.build(store)
        total += seconds
        framed = row.as_reference(record, reference)
        framed.trust["metrics"] = {}
        row.add_measurements(framed, artifact)
        framed.values = {name: value for name, value in framed.values.items() if name not in reference.missing}
        framed.missing |= reference.missing
        framed.stages = [stage.address]
        _copy(artifact.path / row.PICTURES, grid_path(folder, framed.variant))
        write_durably(framed, folder)
    return total


def reference_stages(cfg: Config) -> Iterator[tuple[Reference, Stage]]:
    """The rows that frame the table of a variant, each with the stage that measures it."""
    from vtoncompress.reference import CEILING, REFERENCES

    framing = [(one, plan_reference(cfg, one.name)) for one in REFERENCES]
    for reference, stage in (*framing, (CEILING, plan_ceiling(cfg))):
        if stage is not None and (not reference.needs or cfg["protocol"] == "generated"):
            yield reference, stage


def _copy_pictures(stages: Plan, store: Store, record: Record, folder: Path) -> None:
    grid = row.pictures(stages, store)
    if grid is not None:
        _copy(grid, grid_path(folder, record.variant))
        _copy(grid.with_name(row.CHOSEN), chosen_path(folder, record.variant))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def main(request: Path) -> int:
    """Run the variant whose config is in ``request``/request.json and leave its record there too: 0 done, 1 not."""
    told: dict[str, Any] = json.loads((request / REQUEST).read_text())
    cfg = told["config"]
    _die_with_parent(told["parent"])
    fingerprint.adopt(told["parsed"])
    stop_on_signals()
    _log_to(log_path(Path(cfg["results"]) / cfg["name"], cfg["variant"]))
    started = time.time() - told["requested"]
    record = run(cfg)
    record.details["start_seconds"] = round(started, 3)
    write(record, request)
    return 0 if record.status == "done" else 1


def _die_with_parent(parent: int) -> None:
    """A sweep that is killed must not leave a variant running that nobody waits for. Linux only.

    Args:
        parent: process that asked for the variant; it may have died while this one was loading its libraries.
    """
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the sweep that asked for this variant is gone")


def _log_to(path: Path) -> None:
    """Everything, and where Python was if a library crashes: there is no exception to tell it then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    logger = logging.getLogger("vtoncompress")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    assert handler.stream is not None, "the file is opened with the handler"
    faulthandler.enable(handler.stream)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # nothing is left to be done, and the libraries would take half a second to say goodbye
