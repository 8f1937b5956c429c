"""Quality over a cost: every row a point, those worth a look named, references as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vtoncompress.record import Record
from vtoncompress.report.axes import Axis, measured
from vtoncompress.report.drawing import HEIGHT, HOLLOW, LINE, SMALL, Drawing, draw, ending, legend, look
from vtoncompress.report.frontier import Frontier

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 12
"""More names than that are in the table alone."""
NEAR = 0.6
"""A reference is drawn where it is no further from the rows than this share of their range."""
TOLD = {
    "oracle": "true flow (oracle)", "pasted": "garment pasted", "unchanged": "person unchanged",
    "ceiling": "truth through the autoencoder",
}  # fmt: skip


def draw_frontier(frontier: Frontier, group: Sequence[Record], letters: Mapping[str, str], name: str) -> Drawing:
    """One figure. ``group`` also has the references; points lead to their rows in the page.

    Those in ``letters`` are named; of more than ``NAMED`` those that are spread over the costs.
    """
    named = {one.variant: letters[one.variant] for one in _spread(frontier, letters)}
    title = f"{frontier.quality.label} over {frontier.cost.label}; worth a look: {', '.join(named)}"

    def paint(axes: Axes) -> None:
        from matplotlib.lines import Line2D

        kinds = list(dict.fromkeys(map(_kind, frontier.records)))
        for index, kind in enumerate(kinds):
            rows = [one for one in frontier.records if _kind(one) == kind]
            colour, marker = look(index)
            axes.scatter(
                [frontier.cost.value(one) for one in rows], [frontier.quality.value(one) for one in rows],
                facecolors=["none" if one.variant in frontier.restless else colour for one in rows],
                edgecolors=colour, marker=marker, s=34, urls=[f"#row-{one.variant}" for one in rows], zorder=3,
            )  # fmt: skip
        axes.plot(
            [frontier.cost.value(one) for one in frontier.best], [frontier.quality.value(one) for one in frontier.best],
            color="#888888", linewidth=1, drawstyle="steps-post", zorder=2,
        )  # fmt: skip
        for place, marks in _places(frontier, named).items():
            axes.annotate(marks, place, (4, 4), textcoords="offset points", weight="bold")
        _references(axes, frontier.quality, group)
        axes.set(xlabel=frontier.cost.label, ylabel=frontier.quality.label)
        axes.margins(x=0.12)
        shapes = [
            Line2D([], [], color=colour, marker=marker, linestyle="", label=kind)
            for (colour, marker), kind in zip(map(look, range(len(kinds))), kinds, strict=True)
        ]
        if any(one.variant in frontier.restless for one in frontier.records):
            shapes.append(Line2D([], [], linestyle="", label=HOLLOW))
        names = [f"{letter}  {ending(variant)}" for variant, letter in named.items()]
        legend(axes, [*shapes, *(Line2D([], [], linestyle="", label=one) for one in names)])

    lines = len(named) + len(set(map(_kind, frontier.records))) + bool(frontier.restless)
    return draw(name, title, paint, HEIGHT + LINE * lines)


def _spread(frontier: Frontier, letters: Mapping[str, str]) -> list[Record]:
    best = sorted((one for one in frontier.records if one.variant in letters), key=frontier.cost.loss)
    count = min(NAMED, len(best))
    places = sorted({round(index * (len(best) - 1) / max(1, count - 1)) for index in range(count)})
    return [best[place] for place in places]


def _places(frontier: Frontier, named: Mapping[str, str]) -> dict[tuple[float, float], str]:
    """Where letters stand; rows that are equal share a place."""
    places: dict[tuple[float, float], list[Record]] = {}
    for one in frontier.records:
        if one.variant in named:
            places.setdefault((frontier.cost.loss(one), frontier.quality.loss(one)), []).append(one)
    return {
        (frontier.cost.value(rows[0]), frontier.quality.value(rows[0])): ", ".join(named[one.variant] for one in rows)
        for rows in places.values()
    }


def _kind(record: Record) -> str:
    """What gives a point its colour: of which experiment it is, where there are two, and in which numbers it is."""
    number = "float32" if record.quantization in ("", "none") else record.quantization
    return " ".join(filter(None, (record.details.get("experiment"), number, f"on {record.runtime}")))


def _references(axes: Axes, quality: Axis, group: Sequence[Record]) -> None:
    """Those that are near: one that is far away would press the rows together. Two experiments may share one."""
    values = [quality.value(one) for one in measured(group, quality)]
    reach = NEAR * (max(values) - min(values))
    drawn = set()
    for one in group:
        if one.role != "variant" and quality.key in one.values:
            value = quality.value(one)
            name = (one.variant.rpartition("-")[0] or one.variant).rpartition(".")[2]
            place = (name, round(value, quality.decimals))
            if place in drawn or not min(values) - reach <= value <= max(values) + reach:
                continue
            drawn.add(place)
            axes.axhline(value, color="#666666", linewidth=0.8, linestyle=":" if one.role == "reference" else "--")
            axes.text(
                0.99, value, TOLD.get(name, name), transform=axes.get_yaxis_transform(), ha="right", va="bottom",
                fontsize=SMALL, color="#555555",
            )  # fmt: skip
