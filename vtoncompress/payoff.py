"""Whether what a variant gave up bought time."""

from __future__ import annotations

from collections.abc import Sequence

from vtoncompress.record import Record

NEEDED = ("size_mib", "speedup")


def smaller_not_faster(records: Sequence[Record]) -> list[str]:
    """A line for each uncompressed row that smaller rows of its model and runtime are not faster than.

    ``speedup`` is compared, not milliseconds: each row's is of a run of its own, in turns with the same baseline.
    """
    measured = [one for one in records if one.status == "done" and all(name in one.values for name in NEEDED)]
    lines = []
    for dense in measured:
        if dense.pruning != "none" or dense.quantization != "none":
            continue
        slow = [
            f"{one.variant} ({one.values['speedup']:.2f}×)"
            for one in measured
            if (one.model, one.runtime) == (dense.model, dense.runtime)
            and one.values["size_mib"] < dense.values["size_mib"]
            and one.values["speedup"] <= dense.values["speedup"]
        ]
        if slow:
            lines.append(
                f"Smaller and not faster than {dense.variant} ({dense.values['speedup']:.2f}×): {', '.join(slow)}."
            )
    return lines
