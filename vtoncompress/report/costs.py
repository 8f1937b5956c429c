"""What each row costs, a bar a row, where no quality was measured to set against it: of random weights, for example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vtoncompress.record import Record
from vtoncompress.report.axes import COSTS, Axis, measured, quality_of
from vtoncompress.report.drawing import BAR, COLOURS, HOLLOW, SMALL, Drawing, beside_bar, draw, legend
from vtoncompress.report.trusted_time import untrusted

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_costs(group: Sequence[Record], prefix: str) -> list[Drawing]:
    """A figure for each cost that two rows or more have; none where there is a quality to set them against."""
    if quality_of(group) is not None:
        return []
    return [
        _draw(cost, rows, untrusted(group, cost), prefix) for cost in COSTS if len(rows := measured(group, cost)) > 1
    ]


def _draw(cost: Axis, rows: Sequence[Record], restless: frozenset[str], prefix: str) -> Drawing:
    def paint(axes: Axes) -> None:
        from matplotlib.patches import Patch

        bars = axes.barh(range(len(rows)), [cost.value(one) for one in rows], color=COLOURS[0], edgecolor=COLOURS[0])
        for bar, one in zip(bars, rows, strict=True):
            if one.variant in restless:
                bar.set_facecolor("white")
        axes.bar_label(bars, [f" {cost.value(one):.{cost.decimals}f}" for one in rows], fontsize=SMALL)
        axes.set_yticks(range(len(rows)), [beside_bar(one.variant) for one in rows])
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(xlabel=cost.label)
        if restless & {one.variant for one in rows}:
            legend(axes, [Patch(facecolor="white", edgecolor=COLOURS[0], label=HOLLOW)])

    return draw(f"{prefix}cost_{cost.key}", f"{cost.label} of each row", paint, 1 + BAR * len(rows))
