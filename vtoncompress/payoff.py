"""Whether what a variant gave up bought time."""

from __future__ import annotations

from collections.abc import Sequence

from vtoncompress.record import Record

NEEDED = ("size_mib", "speedup")


def smaller_not_faster(records: Sequence[Record]) -> list[str]:
    """A line for each unpruned row that smaller rows of its model and runtime are not faster than.

    Rows in low precision are held against the unpruned row in float32 and the one in their own mode. ``speedup`` is
    compared, not milliseconds: each row's is of a run of its own, in turns with the same baseline.
    """
    return [
        f"Smaller and not faster than {_tell(dense)}: {', '.join(map(_tell, slow))}." for dense, slow in _found(records)
    ]


def slow_variants(records: Sequence[Record]) -> set[str]:
    """Names of the rows that :func:`smaller_not_faster` tells of."""
    return {one.variant for _, slow in _found(records) for one in slow}


def _found(records: Sequence[Record]) -> list[tuple[Record, list[Record]]]:
    measured = [one for one in records if one.status == "done" and all(name in one.values for name in NEEDED)]
    found = []
    for dense in measured:
        slow = [
            one
            for one in measured
            if dense.pruning == "none"
            and dense.quantization in ("none", one.quantization)
            and _kind(one) == _kind(dense)
            and one.values["size_mib"] < dense.values["size_mib"]
            and one.values["speedup"] <= dense.values["speedup"]
        ]
        found += [(dense, slow)] if slow else []
    return found


def _tell(record: Record) -> str:
    return f"{record.variant} ({record.values['speedup']:.2f}×)"


def _kind(record: Record) -> tuple[str, str, str]:
    """Rows of one kind can be compared."""
    return record.model, record.runtime, record.trust.get("runtime", {}).get("performance", "")
