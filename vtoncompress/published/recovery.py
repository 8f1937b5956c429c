"""Our rows before and after fine-tuning: what compression cost, and how much of it was won back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vtoncompress.published.mapping import Comparison
from vtoncompress.record import Record, check_comparable

FIDS = ("fid", "fid_shipped")
LIKENESS = "ssim_garment"


@dataclass(frozen=True)
class Recovery:
    """One of our rows.

    Attributes:
        record: the row.
        fid_loss_pct: by how many per cent its FID is above the dense row's, through the same features.
        recovered_pct: of the garment SSIM that compression alone cost, the share that it has back; more than 100 where
            it is better than the dense row. None for the compressed row itself, for rows that were not compressed, and
            where compression cost nothing.
        reason: why both are None where they were to be compared with another protocol's.
    """

    record: Record
    fid_loss_pct: float | None
    recovered_pct: float | None
    reason: str


def recoveries(comparison: Comparison, records: Sequence[Record]) -> list[Recovery]:
    """Of the rows that ``comparison`` names and that were measured: dense, control, then step by step."""
    experiment = comparison.experiment
    done = {record.variant: record for record in records if record.status == "done"}
    dense = done.get(experiment.dense)
    seen: dict[str, Recovery] = {}
    steps = [(experiment.dense, ""), (experiment.control, ""), *_steps(comparison)]
    for variant, alone in steps:
        if variant in done and variant not in seen:
            seen[variant] = _recover(done[variant], done.get(alone), dense)
    return list(seen.values())


def fid_column(dense: Record | None) -> str:
    """The FID that the rows are compared in: Inception's where there is one."""
    return next((name for name in FIDS if dense is not None and name in dense.values), FIDS[-1])


def _steps(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Each variant with the one that it won something back from, '' where it is that itself."""
    for row in (*comparison.experiment.rows.values(), *comparison.experiment.further.values()):
        for number, variant in enumerate(row.steps):
            yield variant, row.steps[0] if number else ""


def _recover(record: Record, alone: Record | None, dense: Record | None) -> Recovery:
    if dense is None:
        return Recovery(record, None, None, "the dense row was not measured")
    try:
        check_comparable([dense, *([] if alone is None else [alone]), record])
    except ValueError as error:
        return Recovery(record, None, None, str(error))
    fid, loss, recovered = fid_column(dense), None, None
    if dense.values.get(fid) and fid in record.values:
        loss = 100 * (record.values[fid] / dense.values[fid] - 1)
    if alone is not None and all(LIKENESS in one.values for one in (dense, alone, record)):
        target, worst, now = (one.values[LIKENESS] for one in (dense, alone, record))
        recovered = 100 * (now - worst) / (target - worst) if target > worst else None
    return Recovery(record, loss, recovered, "")
