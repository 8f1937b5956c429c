"""The points as a picture: a row a group, a dot a ratio, the loss to the right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from vtoncompress.record import write_text
from vtoncompress.sensitivity.point import Analysis

LABELS, PLOT, ROW, TOP, MARGIN = 330, 420, 14, 54, 20  # pixels
TICKS = 4
LIGHT, DARK = (158, 202, 225), (8, 48, 107)


def write_plot(analysis: Analysis, path: Path) -> None:
    """Write an SVG: groups in the network's order, loss of garment SSIM linear, larger ratios darker."""
    write_text(path, "\n".join(_draw(analysis)) + "\n")


def _draw(analysis: Analysis) -> Iterator[str]:
    groups = analysis.by_group()
    width, height = LABELS + PLOT + 2 * MARGIN, TOP + ROW * len(groups) + MARGIN
    losses = [0.0, analysis.budget, *(point.loss for point in analysis.points)]
    low, high = min(losses), max(losses)
    colours = _colours(analysis.ratios)

    def x(loss: float) -> float:
        return LABELS + MARGIN + PLOT * (loss - low) / ((high - low) or 1)

    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="10">'
    )
    yield f'<rect width="{width}" height="{height}" fill="white"/>'
    yield f'<text x="{LABELS + MARGIN}" y="14" font-size="12">Loss of garment SSIM, each group pruned alone</text>'
    for place, (ratio, colour) in enumerate(colours.items()):
        left = LABELS + MARGIN + 60 * place
        yield f'<circle cx="{left + 4}" cy="26" r="4" fill="{colour}"/><text x="{left + 12}" y="30">{ratio:g}</text>'
    for tick in range(TICKS + 1):
        loss = low + (high - low) * tick / TICKS
        yield from _line(x(loss), height, "#dddddd")
        yield f'<text x="{x(loss):.1f}" y="{TOP - 8}" text-anchor="middle">{loss:.3f}</text>'
    yield from _line(x(0), height, "#888888")
    yield from _line(x(analysis.budget), height, "#d62728", ' stroke-dasharray="4 3"')
    for number, (group, found) in enumerate(groups.items()):
        y = TOP + ROW * (number + 0.5)
        more = f" +{len(group.members) - 1}" if len(group.members) > 1 else ""
        ends = [x(point.loss) for point in found.values()]
        yield f'<text x="{LABELS + 10}" y="{y + 3}" text-anchor="end">{escape(group.name + more)}</text>'
        yield f'<path d="M{min(ends):.1f} {y}H{max(ends):.1f}" stroke="#bbbbbb"/>'
        for ratio, point in found.items():
            title = f"{group.name} at {ratio:g}: {point.loss:.4f}"
            yield (
                f'<circle cx="{x(point.loss):.1f}" cy="{y}" r="4" fill="{colours[ratio]}">'
                f"<title>{escape(title)}</title></circle>"
            )
    yield "</svg>"


def _line(x: float, height: int, colour: str, more: str = "") -> Iterator[str]:
    yield f'<path d="M{x:.1f} {TOP - 4}V{height - MARGIN / 2}" stroke="{colour}"{more}/>'


def _colours(ratios: list[float]) -> dict[float, str]:
    shares = {ratio: place / max(1, len(ratios) - 1) for place, ratio in enumerate(ratios)}
    return {
        ratio: "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(LIGHT, DARK, strict=True))
        for ratio, share in shares.items()
    }
