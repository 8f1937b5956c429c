"""The points as a CSV in long form, and as a ranking in Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from vtoncompress.record import write_text
from vtoncompress.sensitivity.quantization.analysis import BUDGETED, DIFFERENCE, SSIM, WHOLE, Analysis, Attempt, Point
from vtoncompress.sensitivity.quantization.choice import by_harm

COLUMNS = (
    "name", "layers", "always_float", "kept", "ssim_garment", "ssim_garment_loss", "ssim", "ssim_loss", "l1_garment",
    "flow_error_px", "picture_difference",
)  # fmt: skip
FLOAT = "float32"


def write_csv(analysis: Analysis, path: Path) -> None:
    """A row a point, the float32 network's first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    before = {name: value for name, value in analysis.float32.items() if name in COLUMNS}
    writer.writerow({"name": FLOAT, **{f"{name}_loss": 0 for name in BUDGETED}, **before})
    for point in analysis.points:
        writer.writerow(
            {
                "name": point.name,
                "layers": len(point.layers),
                "always_float": int(point.always_float),
                "kept": int(point.always_float or point.name in analysis.chosen.kept),
                **{f"{name}_loss": loss for name, loss in point.loss.items()},
                **{name: value for name, value in point.values.items() if name in COLUMNS},
            }
        )
    write_text(path, text.getvalue())


def write_markdown(analysis: Analysis, path: Path) -> None:
    """The ranking, what was tried together, and the protocol."""
    write_text(path, "\n".join(_lines(analysis)) + "\n")


def _lines(analysis: Analysis) -> Iterator[str]:
    found = {point.name: point for point in analysis.points}
    coordinates = sorted((point for point in analysis.points if point.always_float), key=lambda one: -one.spent)
    yield from ("### What each layer costs in INT8, all else in float32", "")
    yield "| rank | layer | layers | garment SSIM lost | SSIM lost | flow error, px more | levels of 255 | float |"
    yield "| ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for number, name in enumerate(by_harm(analysis.points), 1):
        yield _row(str(number), found[name], analysis, "yes" if name in analysis.chosen.kept else "")
    for point in coordinates:
        yield _row("", point, analysis, "always: coordinates")
    yield from ("", "### All in INT8 but the most harmful", "")
    yield "| kept in float | garment SSIM lost | SSIM lost | levels of 255 |"
    yield "| ---: | ---: | ---: | ---: |"
    for attempt in analysis.attempts:
        yield _tried(attempt, " (chosen)" if attempt is analysis.chosen else "")
    for attempt in analysis.held_out:
        yield _tried(attempt, ", pairs held out")
    yield from ("", "```", analysis.override, "```", "")
    yield (
        f"- In float32 garment SSIM is {analysis.float32[SSIM]:.4f}, of which {analysis.budget[SSIM]:g} may be lost, "
        f"and SSIM {analysis.float32[WHOLE]:.4f}, of which {analysis.budget[WHOLE]:g}. Layers are ranked by the larger "
        "share of a budget that they spend. Losses of single layers don't add up: what is kept was chosen by measuring "
        "all others in INT8 together, and measured again on pairs held out. A loss below 0 is a difference that so few "
        "pairs can't tell from nothing. Levels of 255: mean absolute difference to float32's pictures."
    )
    yield from (f"- {line}" for line in analysis.protocol)


def _row(rank: str, point: Point, analysis: Analysis, kept: str) -> str:
    cells = [rank, f"`{point.name}`", str(len(point.layers)), *(f"{point.loss[name]:.4f}" for name in BUDGETED)]
    cells += [_flow(point.values.get("flow_error_px"), analysis), f"{point.values[DIFFERENCE]:.3f}", kept]
    return f"| {' | '.join(cells)} |"


def _tried(attempt: Attempt, mark: str) -> str:
    cells = [f"{len(attempt.kept)}{mark}", *(f"{attempt.loss[name]:.4f}" for name in BUDGETED)]
    return f"| {' | '.join(cells)} | {attempt.values[DIFFERENCE]:.3f} |"


def _flow(error: float | None, analysis: Analysis) -> str:
    return "–" if error is None else f"{round(error - analysis.float32['flow_error_px'], 3) + 0.0:.3f}"  # no -0.000
