"""Published points, in figures of their own: another protocol, which never shares an axis with ours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtoncompress.published.figures import Figures, read_figures
from vtoncompress.published.mapping import FOLDER
from vtoncompress.report.axes import COSTS, Axis
from vtoncompress.report.drawing import HEIGHT, LINE, SMALL, Drawing, draw, legend, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "plots.yaml"


@dataclass(frozen=True)
class Published:
    """One figure: a protocol over one of our costs, with who printed it, and what recomputing found wrong."""

    cost: str
    drawing: Drawing
    source: str
    errata: tuple[str, ...]


@cache  # they are the same for every page
def draw_published(folder: Path = FOLDER) -> list[Published]:
    """A figure for each protocol of the tables in ``folder``/plots.yaml and each cost; none without that file."""
    tables = _read(folder)
    protocols = dict.fromkeys(str(told["protocol"]) for told, _ in tables)
    return [
        _draw(cost, protocol, mine)
        for protocol in protocols
        for cost in COSTS
        if (mine := [one for one in tables if one[0]["protocol"] == protocol and cost.key in one[0]["costs"]])
    ]


def _read(folder: Path) -> list[tuple[dict[str, Any], Figures]]:
    import yaml

    path = folder / FILE
    if not path.is_file():
        return []
    return [(told, read_figures(folder, told["figures"])) for told in yaml.safe_load(path.read_text(encoding="utf-8"))]


def _draw(cost: Axis, protocol: str, tables: list[tuple[dict[str, Any], Figures]]) -> Published:
    def paint(axes: Axes) -> None:
        from matplotlib.lines import Line2D

        handles = []
        for index, (told, figures) in enumerate(tables):
            colour, marker = look(index)
            column = told["costs"][cost.key]
            points = [(row[column], row[told["quality"]], name) for name, row in figures.rows.items()]
            axes.scatter(
                [x for x, _, _ in points], [y for _, y, _ in points], marker=marker, facecolors="none",
                edgecolors=colour, s=28, zorder=3,
            )  # fmt: skip
            for x, y, name in points:
                axes.annotate(name, (x, y), (4, 3), textcoords="offset points", fontsize=SMALL, color="#444444")
            label = f"{figures.name.rpartition('.')[2]}: {column}"
            handles.append(
                Line2D([], [], color=colour, marker=marker, markerfacecolor="none", linestyle="", label=label)
            )
        axes.set(
            xlabel=f"published {cost.key.rpartition('_ms_p50')[0] or cost.key}, as printed", ylabel="published FID"
        )
        axes.set_title(f"another protocol ({protocol}): not comparable", loc="left", color="#a03000")
        axes.margins(x=0.18, y=0.12)
        legend(axes, handles)

    title = f"Published FID over {cost.label}: another protocol, {protocol}, not to be compared"
    errata = [
        f"{figures.name.rpartition('.')[2]}: {figures.errata[str(number)]}"
        for told, figures in tables
        for number in told.get("errata", {}).get(cost.key, ())
    ]
    drawing = draw(f"published_{protocol}_{cost.key}", title, paint, HEIGHT + LINE * len(tables))
    sources = dict.fromkeys(figures.source for _, figures in tables)
    return Published(cost.key, drawing, "; ".join(sources), tuple(dict.fromkeys(errata)))
