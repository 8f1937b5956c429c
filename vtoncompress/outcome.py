"""How a variant ended, as its record and the store tell, and a record for one that could not write its own."""

from __future__ import annotations

import contextlib
import textwrap
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vtoncompress import row
from vtoncompress.durable_record import write_durably
from vtoncompress.failure import reason
from vtoncompress.pipeline import Config, Plan, plan
from vtoncompress.record import FOLDER, Record, read
from vtoncompress.store import Store

LOGS = "logs"
SECONDS = "_seconds"
CLOCK_SECONDS = 2.0
"""By which the times of files may be too early: of a file system with coarse or other clocks."""


@dataclass(frozen=True)
class Ending:
    """What a sweep keeps of a variant until its own end. The record is on the disk: kept too, hundreds would add up.

    Attributes:
        seconds: what of its time went where: the numbers in the record's details that are called ``<part>_seconds``.
    """

    variant: str
    status: Literal["done", "failed"]
    reason: str
    seconds: dict[str, float]

    @classmethod
    def of(cls, record: Record) -> Ending:
        parts = {name.removesuffix(SECONDS): value for name, value in record.details.items() if name.endswith(SECONDS)}
        seconds = {part: float(value) for part, value in parts.items() if isinstance(value, int | float)}
        return cls(record.variant, record.status, record.reason, seconds)


def left(folder: Path, variant: str) -> Record | None:
    """The record in an experiment's folder; None where there is none, or a damaged one."""
    try:
        return read(folder / FOLDER / f"{variant}.json")
    except (ValueError, OSError):
        return None


def settled(cfg: Config, stages: Plan) -> Record | None:
    """The record of an earlier run after which there is nothing to do; None where the variant is to be run.

    That is a result that the store has all of, or a failure with the same config, inputs and code, unless
    ``retry_failed`` is set. One that was stopped is to be taken up again.
    """
    before = left(_folder(cfg), cfg["variant"])
    if before is None:
        return None
    if before.status == "done":
        return before if row.finished(stages, Store(Path(cfg["store"]))) else None
    final = not before.details.get("stopped") and not cfg["retry_failed"]
    return before if final and before.stages == _addresses(stages) else None


def failed(cfg: Config, why: str, trace: str = "", stopped: bool = False) -> Record:
    """Write and return the record of a variant whose own process can't, and the reason into the variant's log.

    Args:
        cfg: complete.
        why: the reason, in a line.
        trace: the traceback, where there is one.
        stopped: whether the same command takes it up again.
    """
    record = Record(cfg["variant"], order=cfg["order"])
    # Whatever is wrong with the config or the files now, the reason to be told is the one that is given.
    with contextlib.suppress(Exception):
        record = row.describe(cfg)
        record.stages = _addresses(plan(cfg))
    record.status, record.reason, record.traceback = "failed", why, trace
    record.details["stopped"] = stopped
    with contextlib.suppress(OSError):  # a full disk may have been the end; the sweep's own end tells the reason too
        _append(log_path(_folder(cfg), cfg["variant"]), f"failed: {why}\n{trace}")
        write_failure(record, _folder(cfg))
    return record


def write_failure(record: Record, folder: Path) -> None:
    """Write it, but not over the result that another process has written before this variant was stopped.

    Raises:
        OSError: it can't be written.
    """
    other = left(folder, record.variant) if record.details["stopped"] else None
    if other is None or other.status != "done" or other.stages != record.stages:
        write_durably(record, folder)


def log_path(folder: Path, variant: str) -> Path:
    """The log of a variant in an experiment's folder."""
    return folder / LOGS / f"{variant}.log"


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {__name__} {text}")


def ended(cfg: Config, since: float) -> Record | None:
    """The record with which a variant ended; None where there is none, or one that says it was stopped.

    Args:
        cfg: complete.
        since: ``time.time()`` of a beginning. Whatever was written after it counts: where another machine ran the
            variant, the keys of its stages may be others than this one's. What is older must be :func:`settled`.
    """
    record = left(_folder(cfg), cfg["variant"])
    if record is None or record.details.get("stopped"):
        return None
    if written_since(_record_path(cfg), since):
        return record
    try:
        return settled(cfg, plan(cfg))
    except Exception:  # the reason why a job was lost, then
        return None


def written_since(path: Path, since: float) -> bool:
    """Whether there is such a file, and not from before ``since``, in ``time.time()``."""
    try:
        return path.stat().st_mtime >= since - CLOCK_SECONDS
    except OSError:
        return False


def of_lost_job(cfg: Config, error: Exception, since: float) -> Record:
    """What a job left from which nothing came back: the record with which it :func:`ended`, or that it was cut off.

    That it was cut off says nothing about the variant, so that the same command takes it up again. Where the variant
    itself has told since what stopped it, that is the reason.
    """
    if (record := ended(cfg, since)) is not None:
        return record
    stopped = left(_folder(cfg), cfg["variant"])
    if stopped is not None and stopped.details.get("stopped") and written_since(_record_path(cfg), since):
        return stopped
    why = f"its job gave no result ({in_a_line(error)}): the same command takes it up again"
    return failed(cfg, why, "".join(traceback.format_exception(error)), stopped=True)


def in_a_line(error: Exception) -> str:
    """Launchers put another process's whole traceback into a message; a record's traceback keeps it."""
    return textwrap.shorten(reason(error), 200, placeholder=" ...")


def _folder(cfg: Config) -> Path:
    return Path(cfg["results"]) / cfg["name"]


def _record_path(cfg: Config) -> Path:
    return _folder(cfg) / FOLDER / f"{cfg['variant']}.json"


def _addresses(stages: Plan) -> list[str]:
    return [stage.address for stage in stages.stages]
