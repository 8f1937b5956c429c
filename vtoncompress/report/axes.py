"""What the figures of a report have on their axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vtoncompress.record import Record


@dataclass(frozen=True)
class Axis:
    """A column of records.

    Attributes:
        key: its name in them.
        label: with the unit.
        decimals: that mean something; rows that differ in less are equal.
        more_is_better: or less is.
        is_time: which something else on the machine may disturb.
        tie: of a quality, what another set of pairs changes: nobody should choose by less.
    """

    key: str
    label: str
    decimals: int
    more_is_better: bool = False
    is_time: bool = False
    tie: float = 0.0

    def value(self, record: Record) -> float:
        return record.values[self.key]

    def loss(self, record: Record) -> float:
        """The value to its decimals, so that less is better."""
        value = round(self.value(record), self.decimals)
        return -value if self.more_is_better else value


QUALITY = (
    Axis("ssim_garment", "garment SSIM", 3, more_is_better=True, tie=0.005),
    Axis("fid", "FID (Inception)", 2, tie=0.1),
    Axis("kid", "KID (Inception)", 4, tie=0.0005),
    Axis("fid_shipped", "FID (shipped features)", 2, tie=0.1),
)
"""The first that a group has is what it is judged by."""
COSTS = (
    Axis("latency_ms_p50", "latency p50 (ms)", 1, is_time=True),
    Axis("size_mib", "deployed size (MiB)", 1),
    Axis("gmacs", "GMACs (1 MAC = 2 FLOPs)", 2),
    Axis("image_s", "seconds an image", 2, is_time=True),
)


def measured(records: Sequence[Record], *axes: Axis) -> list[Record]:
    """The variants that have all of the axes' numbers."""
    return [one for one in records if one.role == "variant" and all(axis.key in one.values for axis in axes)]


def quality_of(records: Sequence[Record]) -> Axis | None:
    """What the rows of one protocol are judged by; None where nothing of it was measured."""
    return next((axis for axis in QUALITY if measured(records, axis)), None)
