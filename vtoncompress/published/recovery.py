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
        recovered_of_control_pct: the same, held against the dense network with the same further work: what that gains
            without any compression is not counted as won back.
        reason: why all are None where they were to be compared with another protocol's.
    """

    record: Record
    fid_loss_pct: float | None
    recovered_pct: float | None
    recovered_of_control_pct: float | None
    reason: str


def recoveries(comparison: Comparison, records: Sequence[Record]) -> list[Recovery]:
    """Of the rows that ``comparison`` names and that were measured: dense, control, then step by step."""
    experiment = comparison.experiment
    done = {record.variant: record for record in records if record.status == "done"}
    dense = done.get(experiment.dense)
    seen: dict[str, Recovery] = {}
    steps = [(variant, "", "") for variant in (experiment.dense, *experiment.control)]
    for variant, alone, control in (*steps, *_steps(comparison)):
        if variant in done and variant not in seen:
            seen[variant] = _recover(done[variant], done.get(alone), dense, done.get(control))
    return list(seen.values())


def fid_column(dense: Record | None) -> str:
    """The FID that the rows are compared in: Inception's where there is one."""
    return next((name for name in FIDS if dense is not None and name in dense.values), FIDS[-1])


def _steps(comparison: Comparison) -> Iterator[tuple[str, str, str]]:
    """Each variant with the one that it won something back from and its control, '' where it has none."""
    control = comparison.experiment.control
    for row in (*comparison.experiment.rows.values(), *comparison.experiment.further.values()):
        for variant in row.steps[:1]:
            yield variant, "", ""
        for number, variant in enumerate(row.steps[1:]):
            yield variant, row.steps[0], control[number] if control else ""


def _recover(record: Record, alone: Record | None, dense: Record | None, control: Record | None) -> Recovery:
    if dense is None:
        return Recovery(record, None, None, None, "the dense row was not measured")
    try:
        check_comparable([dense, *(one for one in (alone, control) if one is not None), record])
    except ValueError as error:
        return Recovery(record, None, None, None, str(error))
    fid, loss = fid_column(dense), None
    if dense.values.get(fid) and fid in record.values:
        loss = 100 * (record.values[fid] / dense.values[fid] - 1)
    return Recovery(record, loss, recovered_pct(record, alone, dense), recovered_pct(record, alone, control), "")


def recovered_pct(record: Record, alone: Record | None, target: Record | None) -> float | None:
    """Of what ``alone`` lacks of the target's garment SSIM, how much the record has back, in per cent."""
    if alone is None or target is None or any(LIKENESS not in one.values for one in (record, alone, target)):
        return None
    now, worst, best = (one.values[LIKENESS] for one in (record, alone, target))
    return 100 * (now - worst) / (best - worst) if best > worst else None
