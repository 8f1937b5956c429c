"""Whether what a variant gave up bought time."""

from __future__ import annotations

from collections.abc import Sequence

from vtoncompress.record import Record

NEEDED = ("size_mib", "speedup")


def smaller_not_faster(records: Sequence[Record]) -> list[str]:
    """A line for each float32 row that smaller rows of its model and runtime are not faster than.

    Each is held against networks that weren't pruned, and against its own before quantization. ``speedup`` is compared,
    not milliseconds: each row's is of a run of its own, in turns with the same baseline.
    """
    measured = [one for one in records if one.status == "done" and all(name in one.values for name in NEEDED)]
    lines = []
    for float32 in measured:
        if float32.quantization != "none":
            continue
        slow = [
            f"{one.variant} ({one.values['speedup']:.2f}×)"
            for one in measured
            if (one.model, one.runtime) == (float32.model, float32.runtime)
            and (float32.pruning == "none" or _network(one) & _network(float32))
            and one.values["size_mib"] < float32.values["size_mib"]
            and one.values["speedup"] <= float32.values["speedup"]
        ]
        if slow:
            lines.append(
                f"Smaller and not faster than {float32.variant} ({float32.values['speedup']:.2f}×): {', '.join(slow)}."
            )
    return lines


def _network(record: Record) -> set[str]:
    """The stage whose network was quantized or exported as it is; empty where a record names none."""
    return {stage for stage in record.stages if stage.startswith("finetuning/")}
