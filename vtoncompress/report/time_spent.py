"""Where the time goes: seconds of the stages that made the rows, and multiply-accumulates of the network's parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vtoncompress.record import Record
from vtoncompress.report.drawing import BAR, COLOURS, SMALL, Drawing, beside_bar, draw, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BUILT = "built_seconds"
"""In a record's details: seconds of each of its stages, by address, whenever it was built."""
WHOLE = "whole"
"""Among the parts in a record's details, the sum of all; vtoncompress.metric.cost has it, and torch with it."""
SHOWN = 16


def seconds_by_stage(records: Sequence[Record]) -> dict[str, float]:
    """Stage -> seconds, the longest first; what several rows share counts once. Empty where no record knows any."""
    stages: dict[str, float] = {}
    for one in records:
        stages |= one.details.get(BUILT, {})
    total: dict[str, float] = {}
    for address, seconds in stages.items():
        stage = address.partition("/")[0]
        total[stage] = total.get(stage, 0.0) + seconds
    return dict(sorted(total.items(), key=lambda pair: -pair[1]))


def draw_stages(records: Sequence[Record], prefix: str) -> Drawing | None:
    """A bar for each stage."""
    total = seconds_by_stage(records)
    if not total:
        return None

    def paint(axes: Axes) -> None:
        names = list(total)[::-1]
        bars = axes.barh(names, [total[name] for name in names], color=COLOURS[0])
        axes.bar_label(bars, [f" {total[name]:.1f} s" for name in names], fontsize=SMALL)
        axes.set(xlabel="seconds, what rows share counted once")
        axes.margins(x=0.15)

    shares = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in total.items())
    return draw(f"{prefix}stages", f"Seconds of each stage: {shares}", paint, 1 + BAR * len(total))


def draw_parts(records: Sequence[Record], prefix: str) -> Drawing | None:
    """A bar for each of the first rows whose cost is known part by part, cut into parts."""
    rows = [one for one in records if one.details.get("cost", {}).get("parts")][:SHOWN]
    if not rows:
        return None
    parts = dict.fromkeys(name for one in rows for name in one.details["cost"]["parts"] if name != WHOLE)

    def paint(axes: Axes) -> None:
        from matplotlib.patches import Patch

        places = range(len(rows))
        left = [0.0] * len(rows)
        for index, part in enumerate(parts):
            width = [one.details["cost"]["parts"].get(part, {}).get("gmacs", 0.0) for one in rows]
            axes.barh(places, width, left=left, color=COLOURS[index % len(COLOURS)])
            left = [a + b for a, b in zip(left, width, strict=True)]
        axes.set_yticks(places, [beside_bar(one.variant) for one in rows])
        axes.invert_yaxis()
        axes.set(xlabel="GMACs (1 MAC = 2 FLOPs)")
        legend(axes, [Patch(color=COLOURS[i % len(COLOURS)], label=part) for i, part in enumerate(parts)], columns=4)

    return draw(f"{prefix}parts", f"GMACs of {', '.join(parts)} in each row", paint, 1.2 + BAR * len(rows))
