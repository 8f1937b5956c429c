"""Quality over the share of channels that was asked to go: a figure a scope, a line a way of doing it."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from vtoncompress.record import Record
from vtoncompress.report.axes import Axis, measured, quality_of
from vtoncompress.report.drawing import HEIGHT, LINE, WIDEST, Drawing, draw, legend, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNTUNED = "no fine-tuning"
FOLLOWS_RATIO = {"ratio", "ratios", "steps", "recovery_samples", "loss", "perceptual"}
"""Options of pruning that may differ along a line."""
Way = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]
"""What a line is called by, and the other options that rows on it share."""


def draw_ratios(group: Sequence[Record], prefix: str) -> list[Drawing]:
    """A figure for each scope with two ratios or more, the dense network being one."""
    quality = quality_of(group)
    if quality is None:
        return []
    rows = [one for one in measured(group, quality) if one.pruning_ratio is not None and not _own_ratios(one)]
    scopes = dict.fromkeys(one.scope for one in rows if one.scope)
    return [
        draw_scope(scope, quality, lines, f"{prefix}ratio_{scope}")
        for scope in scopes
        if (lines := _lines([one for one in rows if one.scope in (scope, "")]))
    ]


def draw_scope(scope: str, quality: Axis, lines: dict[str, list[Record]], name: str) -> Drawing:
    """One figure; a mean where a ratio was run with several seeds, every run a small point."""

    told = {label: textwrap.fill(label, WIDEST) for label in lines}

    def paint(axes: Axes) -> None:
        from matplotlib.lines import Line2D

        handles = []
        for index, (label, rows) in enumerate(lines.items()):
            colour, marker = look(index)
            found = _by_ratio(rows, quality)
            axes.plot([*found], [fmean(values) for values in found.values()], color=colour, marker=marker, markersize=4)
            runs = [(ratio, value) for ratio, values in found.items() if len(values) > 1 for value in values]
            axes.scatter([ratio for ratio, _ in runs], [value for _, value in runs], c=colour, s=8, alpha=0.5)
            handles.append(Line2D([], [], color=colour, marker=marker, markersize=4, label=told[label]))
        axes.set(xlabel="pruning ratio asked for (0..1)", ylabel=quality.label)
        axes.set_title(f"scope {scope}", loc="left")
        legend(axes, handles)

    height = HEIGHT + LINE * sum(1 + label.count("\n") for label in told.values())
    return draw(name, f"{quality.label} over pruning ratio, scope {scope}", paint, height)


def _lines(rows: Sequence[Record]) -> dict[str, list[Record]]:
    """Label -> rows by ratio, of what has at least two ratios; a dense row begins every line that is made like it."""
    ways: dict[Way, list[Record]] = defaultdict(list)
    for one in rows:
        if one.scope:
            ways[((one.criterion, one.pruning, *_after(one)), _options(one))].append(one)
    lines = {}
    for (way, options), pruned in ways.items():
        intact = [one for one in rows if not one.scope and _network(one) == _network(pruned[0])]
        # Where the dense network had no such training, the line begins at the one that had none.
        dense = [one for one in intact if _after(one) == way[2:]] or [one for one in intact if _alike(one, way[-2:])]
        members = sorted((*dense, *pruned), key=lambda one: one.pruning_ratio or 0.0)
        if len({one.pruning_ratio for one in members}) > 1:
            lines[way, options] = members
    return dict(zip(_labels([*lines]), lines.values(), strict=True))


def _labels(ways: Sequence[Way]) -> list[str]:
    """What all lines share is no news, and options are told where lines of one name differ in them."""
    names = [way for way, _ in ways]
    news = [place for place in range(len(next(iter(names), ()))) if len({way[place] for way in names}) > 1]
    labels = []
    for way, options in ways:
        others = [dict(known) for name, known in ways if name == way]
        apart = [f"{key}={value}" for key, value in options if any(other.get(key) != value for other in others)]
        told = [part for place in news if (part := way[place])] + apart
        labels.append(", ".join(told or way))
    return labels


def _options(record: Record) -> tuple[tuple[str, str], ...]:
    """(dotted name, value) of what else tells a line: how channels are chosen, what learns, sampler and experiment."""
    config = record.trust.get("config", {})
    pruning = {name: value for name, value in config.get("pruning", {}).items() if name not in FOLLOWS_RATIO}
    training = {name: config.get("finetuning", {}).get(name) for name in ("first_phase", "loss")}
    mode = config.get("quantization") if record.quantization not in ("", "none") else None
    told = {"pruning": pruning, "finetuning": training, "quantization": mode, **_network(record)}
    return tuple(sorted(_flat(told)))


def _network(record: Record) -> dict[str, Any]:
    config = record.trust.get("config", {})
    return {
        "model": {"name": record.model, "sampling": config.get("model", {}).get("sampling")},
        "name": config.get("name"),
    }


def _flat(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", str(inner)


def _after(record: Record) -> tuple[str, ...]:
    """What was done after pruning."""
    training = record.trust.get("config", {}).get("finetuning", {})
    pairs = training.get("batch_norm_pairs")
    tuned = UNTUNED if record.finetuning in ("", "none") else record.finetuning
    tuned += " (batch norms estimated again)" if tuned == UNTUNED and pairs else ""
    quantized = "float32" if record.quantization in ("", "none") else record.quantization
    return tuned, str(training.get("samples", "")) and f"{training['samples']} samples", quantized, record.runtime


def _alike(dense: Record, way: tuple[str, ...]) -> bool:
    """Whether a dense row that was not trained further has the same numbers and runtime."""
    tuned, _, *rest = _after(dense)
    return tuned == UNTUNED and tuple(rest) == way


def _own_ratios(record: Record) -> bool:
    """Whether layers have ratios of their own, so that the one of the config says little."""
    return bool(record.trust.get("config", {}).get("pruning", {}).get("ratios"))


def _by_ratio(rows: Sequence[Record], quality: Axis) -> dict[float, list[float]]:
    found: dict[float, list[float]] = defaultdict(list)
    for one in rows:
        found[one.pruning_ratio or 0.0].append(quality.value(one))
    return found
