"""Rows whose FID says the opposite of what became of the garment: who goes by FID alone chooses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vtoncompress.columns import Column
from vtoncompress.record import Record
from vtoncompress.summary import find_dense

DISTANCES, LIKENESSES = ("fid", "fid_shipped"), {"ssim_garment": 1, "l1_garment": -1}
"""Columns that less is better in; columns of the garment, with 1 where more is better and -1 where less is."""


def flags(group: Sequence[Record], columns: Sequence[Column], tell: Callable[[Record, Column], str]) -> dict[str, str]:
    """Variant -> why it is flagged: its FID is better than the dense network's and its garment is worse.

    Args:
        group: of one protocol.
        columns: that are shown.
        tell: a record's figure in a column as it is shown; what doesn't show there counts as equal.
    """
    found: dict[str, str] = {}
    if (dense := find_dense(group)) is None:
        return found
    for record in group:
        changes = [*_changes(record, dense, columns, tell)]
        distance = next((one for one in changes if one.distance and one.gain > 0), None)
        garment = next((one for one in changes if not one.distance and one.gain < 0), None)
        if distance is not None and garment is not None:
            found[record.variant] = (
                f"Flagged: {distance.header} of {record.variant} is better than {dense.variant}'s ({distance.figures}),"
                f" and its {garment.header} is worse ({garment.figures}): go by the garment."
            )
    return found


@dataclass(frozen=True)
class _Change:
    """Of a figure against the dense network's; ``gain`` is above 0 where it is better."""

    header: str
    figures: str
    gain: float
    distance: bool


def _changes(
    record: Record, dense: Record, columns: Sequence[Column], tell: Callable[[Record, Column], str]
) -> Iterator[_Change]:
    for column in columns:
        known = column.key in record.values and column.key in dense.values
        if not known or column.key not in (*DISTANCES, *LIKENESSES):
            continue
        mine, other = tell(record, column), tell(dense, column)
        gain = LIKENESSES.get(column.key, -1) * (_figure(mine) - _figure(other))
        yield _Change(column.header, f"{mine}, not {other}", gain, column.key in DISTANCES)


def _figure(told: str) -> float:
    """Of a mean with its spread the mean."""
    return float(told.split()[0])
