"""The child process that runs one variant: ``python -m vtoncompress.variant CONFIG.json``.

A process of its own, so that one that the kernel kills takes nothing with it.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from vtoncompress import row
from vtoncompress.errors import explain
from vtoncompress.pipeline import Config, plan, plan_reference
from vtoncompress.record import Record, write
from vtoncompress.store import Store


def run(cfg: Config) -> Record:
    """Build what is not in the store, measure, and write the variant's record and pictures.

    A variant that fails leaves a record that says why; only an interruption leaves none.
    """
    store, folder = Store(Path(cfg["store"])), Path(cfg["results"]) / cfg["name"]
    record = row.describe(cfg)
    stages = plan(cfg)
    try:
        for stage in stages.stages:
            stage.build(store)
        row.fill(record, stages, store)
        _write_references(cfg, record, store, folder)
    except Exception as error:
        record.status, record.reason = "failed", explain(error) or f"{type(error).__name__}: {error}"
        record.traceback = traceback.format_exc()
    write(record, folder)
    if record.status == "done" and (grid := row.pictures(stages, store)) is not None:
        _copy(grid, folder / "pictures" / f"{record.variant}.png")
    return record


def _write_references(cfg: Config, record: Record, store: Store, folder: Path) -> None:
    """The rows that frame the table, once a data set."""
    from vtoncompress.reference import REFERENCES

    for reference in REFERENCES:
        stage = plan_reference(cfg, reference.name)
        if stage is None or (reference.needs and cfg["protocol"] != "generated"):
            continue
        artifact = stage.build(store)
        framed = row.as_reference(record, reference)
        framed.trust["metrics"] = {}
        row.add_measurements(framed, artifact)
        framed.values = {name: value for name, value in framed.values.items() if name not in reference.missing}
        framed.missing |= reference.missing
        framed.stages = [f"{stage.name}/{stage.key(store)}"]
        write(framed, folder)
        _copy(artifact.path / row.PICTURES, folder / "pictures" / f"{framed.variant}.png")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def main(path: str) -> int:
    """Run the variant whose config is in the JSON file ``path``: 0 done, 1 failed, 130 interrupted."""
    cfg: dict[str, Any] = json.loads(Path(path).read_text())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return 0 if run(cfg).status == "done" else 1
    except KeyboardInterrupt:
        return 130
    except OSError:
        return 1  # the record can't be written; the parent meets the same and says so


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
