"""Whether what a variant gave up bought time."""

from __future__ import annotations

from collections.abc import Sequence

from vtoncompress.record import Record

NEEDED = ("size_mib", "speedup")


def smaller_not_faster(records: Sequence[Record]) -> list[str]:
    """A line for each row that smaller rows of its model and runtime are not faster than.

    Each is held against networks that weren't pruned, in float32 and in its own mode, and against its own network
    before quantization. ``speedup`` is compared, not milliseconds: each row's is of a run of its own, in turns with the
    same baseline.
    """
    return [
        f"Smaller and not faster than {_tell(larger)}: {', '.join(map(_tell, slow))}."
        for larger, slow in _found(records)
    ]


def slow_variants(records: Sequence[Record]) -> set[str]:
    """Names of the rows that :func:`smaller_not_faster` tells of."""
    return {one.variant for _, slow in _found(records) for one in slow}


def _found(records: Sequence[Record]) -> list[tuple[Record, list[Record]]]:
    measured = [one for one in records if one.status == "done" and all(name in one.values for name in NEEDED)]
    found = []
    for larger in measured:
        slow = [
            one
            for one in measured
            if _is_measure_of(larger, one)
            and one.values["size_mib"] < larger.values["size_mib"]
            and one.values["speedup"] <= larger.values["speedup"]
        ]
        found += [(larger, slow)] if slow else []
    return found


def _is_measure_of(larger: Record, one: Record) -> bool:
    """Whether ``one`` gave up something that ``larger`` has, and nothing else tells their speed apart."""
    if _kind(larger) != _kind(one):
        return False
    if larger.pruning == "none" and larger.quantization in ("none", one.quantization):
        return True
    return larger.quantization == "none" and bool(_network(larger) & _network(one))


def _kind(record: Record) -> tuple[str, ...]:
    performance = record.trust.get("runtime", {}).get("performance", "")
    return record.model, record.sampling, record.runtime, performance


def _network(record: Record) -> set[str]:
    """The stage whose network was quantized or exported as it is; empty where a record names none."""
    return {stage for stage in record.stages if stage.startswith("finetuning/")}


def _tell(record: Record) -> str:
    return f"{record.variant} ({record.values['speedup']:.2f}×)"
