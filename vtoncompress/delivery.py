"""From a row of a table to a folder that can be shipped."""

from __future__ import annotations

import shutil
from pathlib import Path

from vtoncompress.deployment import FILES, add_figures
from vtoncompress.record import Record, read_all
from vtoncompress.store import Artifact, Store
from vtoncompress.summary import is_compressed, is_trained

DEPLOYMENT = "deployment"
MODEL = "model"
"""The stage from which a row's weights come."""


def deliver(variant: str, folder: Path, store: Store, out: Path) -> None:
    """Copy the runtime's files of ``variant`` to the new folder ``out``, with a manifest that holds its figures.

    Args:
        variant: a finished row of the experiment.
        folder: the experiment's results.
        store: where its stages are.
        out: must not exist; written whole or not at all.

    Raises:
        ValueError: no such row, one that failed, or files that are no longer in the store.
    """
    record = _find(variant, folder)
    artifact = deployed(record, store)
    if artifact is None:
        raise ValueError(f"the files of {variant} are not in the store {store.root.name}: run its experiment again")
    if out.exists():
        raise ValueError(f"{out} exists: choose a new folder with out=FOLDER")
    unfinished = out.with_name(f".{out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        shutil.copytree(artifact.path / FILES, unfinished)
        add_figures(unfinished, record.protocol, record.values, *descent(record))
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def deployed(record: Record, store: Store) -> Artifact | None:
    """What a row was measured on; None where the store has it no more, or it never came so far."""
    # The last: one that was quantized from a float32 deployment names that before it.
    stage = next((stage for stage in reversed(record.stages) if stage.startswith(f"{DEPLOYMENT}/")), "")
    return store.find(DEPLOYMENT, stage.rpartition("/")[2])


def descent(record: Record) -> tuple[bool, str]:
    """Whether nothing of a row was compressed, nor trained further, and the stage from which its weights come."""
    origin = next((stage for stage in record.stages if stage.startswith(f"{MODEL}/")), "")
    return not is_compressed(record) and not is_trained(record), origin


def _find(variant: str, folder: Path) -> Record:
    records = [record for record in read_all(folder) if record.role == "variant"]
    found = next((record for record in records if record.variant == variant), None)
    if found is None:
        if not records:
            raise ValueError(f"there are no records in {folder}: run its experiment first, or give its name=NAME")
        known = ", ".join(record.variant for record in records)
        raise ValueError(f"there is no variant {variant}: choose one of {known}")
    if found.status == "failed":
        raise ValueError(f"{variant} failed ({found.reason}): there is nothing to export")
    return found
