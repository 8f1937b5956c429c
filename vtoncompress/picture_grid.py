"""Pictures to look at: a grid of results for each variant, and one page that shows them beside their numbers."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from vtoncompress.data.base import Image
from vtoncompress.record import Record, write_text
from vtoncompress.summary import summarise
from vtoncompress.table import NOTHING, Table, to_tables

FOLDER = "pictures"
PAGE = "pictures.html"
TITLES = ("person", "garment", "truth", "result", "difference")
GAP = 4
HEADER = 18
FONT_SIZES = (12, 11, 10, 9, 8)
COLOURS = 256


def grid_path(folder: Path, variant: str) -> Path:
    """Where the page looks for a variant's grid in an experiment's results folder."""
    return folder / FOLDER / f"{variant}.png"


def write_grid(path: Path, rows: Sequence[Sequence[Image]], titles: Sequence[str] = TITLES) -> None:
    """Write a PNG of pictures in rows under their columns' titles, in a palette of 256 colours; whole or not at all.

    Args:
        path: its folder is made where it is missing.
        rows: (H, W, 3) or (H, W) uint8 pictures, all of one size, as many a row as there are titles.
        titles: a title too wide for its column is set smaller, then cut.
    """
    assert rows, "a grid has at least one row"
    assert all(len(row) == len(titles) for row in rows), "every row has one picture for each title"
    height, width = rows[0][0].shape[:2]
    canvas = Pillow.new(
        "RGB", (len(titles) * (width + GAP) + GAP, HEADER + len(rows) * (height + GAP) + GAP), "white"
    )
    draw = ImageDraw.Draw(canvas)
    for column, title in enumerate(titles):
        text, font = _fit(title, width)
        draw.text((GAP + column * (width + GAP) + width / 2, HEADER / 2 + 1), text, "black", font, anchor="mm")
        for index, row in enumerate(rows):
            assert row[column].shape[:2] == (height, width), "pictures of a grid share one size"
            corner = (GAP + column * (width + GAP), HEADER + GAP + index * (height + GAP))
            canvas.paste(Pillow.fromarray(row[column]).convert("RGB"), corner)
    # A third of the size; dithering keeps shades smooth.
    small = canvas.quantize(COLOURS, method=Pillow.Quantize.MEDIANCUT, kmeans=1, dither=Pillow.Dither.FLOYDSTEINBERG)
    data = io.BytesIO()
    small.save(data, "PNG", optimize=True)
    _write_bytes(path, data.getvalue())


def difference(first: Image, second: Image, gain: float = 3) -> Image:
    """``gain`` times the absolute difference of two (H, W, 3) uint8 pictures, cut at 255: black where they agree."""
    distance: NDArray[np.float64] = np.abs(first.astype(np.float64) - second)
    return np.minimum(np.rint(gain * distance), 255).astype(np.uint8)


def _fit(title: str, width: int) -> tuple[str, ImageFont.FreeTypeFont | ImageFont.ImageFont]:
    """The title and the font in which it is at most ``width`` pixels wide."""
    for size in FONT_SIZES:
        font = ImageFont.load_default(size)
        if font.getlength(title) <= width:
            return title, font
    while title and font.getlength(f"{title}…") > width:
        title = title[:-1]
    return f"{title}…", font


def _write_bytes(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(data)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_page(folder: Path, records: Sequence[Record]) -> Path:
    """Write ``folder``/pictures.html: best rows in words, tables, and the grids that lie in ``folder``/pictures.

    The page needs nothing but those grids, which it links relatively: no script, no font, no request elsewhere.
    """
    tables = to_tables(records)
    reasons = {record.variant: record.reason for record in records if record.status == "failed"}
    words = "".join(f"<p>{escape(line)}</p>" for line in summarise(records))
    body = [f"<h1>{escape(folder.name)}</h1>", f"<section>{words}</section>"]
    for table in tables:
        body += [f"<h2>{escape(table.title)}</h2>", _table(table)]
        for row, variant in zip(table.rows, table.variants, strict=True):
            body.append(_figure(folder, table, row, variant, reasons.get(variant)))
    path = folder / PAGE
    write_text(path, PAGE_FRAME.format(title=escape(folder.name), style=STYLE, body="\n".join(body)))
    return path


def _table(table: Table) -> str:
    head = "".join(f"<th scope=col>{escape(header)}</th>" for header in table.headers)
    rows = []
    for row, variant in zip(table.rows, table.variants, strict=True):
        name = f'<th scope=row><a href="#{escape(variant)}">{escape(row[0])}</a></th>'
        rows.append(f"<tr>{name}{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>")
    notes = "".join(f"<li>{escape(line)}</li>" for line in (*table.captions, *table.notes))
    # Focusable, so that a wide table can be scrolled with the keyboard.
    return (
        f'<div class=wide tabindex=0 role=region aria-label="{escape(table.title)}">\n<table>\n<tr>{head}</tr>\n'
        + "\n".join(rows)
        + f"\n</table></div>\n<ul>{notes}</ul>"
    )


def _figure(folder: Path, table: Table, row: list[str], variant: str, reason: str | None) -> str:
    cells = zip(table.headers[1:], row[1:], strict=True)
    numbers = " · ".join(f"{header} {cell}" for header, cell in cells if cell != NOTHING)
    caption = f"failed: {reason}" if reason is not None else numbers or "nothing measured"
    picture = grid_path(folder, variant)
    link = escape(f"{FOLDER}/{picture.name}")
    shown = "<p>No pictures.</p>"
    if picture.is_file():
        with Pillow.open(picture) as grid:
            width, height = grid.size
        shown = (
            f'<a href="{link}"><img src="{link}" width={width} height={height} loading=lazy '
            f'alt="{escape(variant)}: rows of try-on pictures"></a>'
        )
    return f"<figure id={escape(variant)!r}><h3>{escape(row[0])}</h3><figcaption>{escape(caption)}</figcaption>{shown}</figure>"


STYLE = """
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 72rem; margin: 1rem auto;
  padding: 0 1rem }
h3 { margin: 2rem 0 0; overflow-wrap: anywhere }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd; vertical-align: bottom }
td { white-space: nowrap }
th:first-child { text-align: left; font-weight: normal; position: sticky; left: 0; background: #fff }
ul { padding-left: 1.2rem; font-size: .85rem; color: #444 }
figure { margin: 0 }
figcaption { font-size: .85rem; color: #444; margin-bottom: .5rem }
img { width: min(100%, 60rem); height: auto; border: 1px solid #ddd }
"""
PAGE_FRAME = """<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
{body}
</html>
"""
