"""How the networks of a sweep learned: their losses over the steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from vtoncompress.record import Record
from vtoncompress.report.drawing import COLOURS, HEIGHT, LINE, Drawing, draw, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STAGES = {"finetuning": ("training",), "quantization": ("quantization", "training")}
"""Stages that train, and where in a record's details they tell of it."""
LINES = 14
STYLES: tuple[Literal["-", "--"], ...] = ("-", "--")


def draw_training(group: Sequence[Record], prefix: str) -> list[Drawing]:
    """A figure for each kind of loss, a line for each trained network; rows that share one are named once."""
    kinds: dict[tuple[str, ...], dict[str, dict[str, list[float]]]] = defaultdict(dict)
    seen = set[str]()
    for one in group:
        for address, curve in _curves(one):
            terms = tuple(sorted(name for name in curve if name.startswith("loss_")))
            if terms and address not in seen:
                seen.add(address)
                kinds[terms][one.variant] = curve
    return [
        _draw(terms, dict(list(lines.items())[:LINES]), f"{prefix}training{number or ''}", len(lines))
        for number, (terms, lines) in enumerate(kinds.items())
    ]


def _curves(record: Record) -> Iterator[tuple[str, dict[str, list[float]]]]:
    for stage, place in STAGES.items():
        found: Any = record.details
        for name in (*place, "curve"):
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        address = next((one for one in record.stages if one.startswith(f"{stage}/")), record.variant)
        if len(found.get("step", ())) > 1:
            yield address, found


def _draw(terms: tuple[str, ...], lines: Mapping[str, dict[str, list[float]]], name: str, of: int) -> Drawing:
    def paint(axes: Axes) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        handles = []
        for index, (variant, curve) in enumerate(lines.items()):
            colour, style = COLOURS[index % len(COLOURS)], STYLES[index // len(COLOURS) % len(STYLES)]
            whole = [sum(values) for values in zip(*(curve[term] for term in terms), strict=True)]
            axes.plot(curve["step"], whole, color=colour, linestyle=style, linewidth=1.2)
            handles.append(Line2D([], [], color=colour, linestyle=style, label=variant))
        axes.set(xlabel="steps", ylabel="loss, the sum of its terms", yscale="log")
        # The default writes powers as formulas, which are not typeset here.
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        legend(axes, handles)

    told = ", ".join(term.removeprefix("loss_") for term in terms)
    count = f"; {len(lines)} of {of} trainings" if of > len(lines) else ""
    return draw(name, f"Training loss ({told}){count}", paint, HEIGHT + LINE * len(lines))
