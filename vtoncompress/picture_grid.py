"""Pictures to look at: a grid of results for each variant, and one page that shows them beside their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from vtoncompress.data.base import Image
from vtoncompress.image import write_image

if TYPE_CHECKING:
    from vtoncompress.record import Record
    from vtoncompress.table import Table

FOLDER = "pictures"
PAGE = "pictures.html"
GAP = 4
HEADER = 18
FONT_SIZES = (12, 11, 10, 9, 8)


def grid_path(folder: Path, variant: str) -> Path:
    """Where the page looks for a variant's grid in an experiment's results folder."""
    return folder / FOLDER / f"{variant}.png"


def write_grid(path: Path, rows: Sequence[Sequence[Image]], titles: Sequence[str]) -> None:
    """Write a PNG of pictures in rows under their columns' titles, whole or not at all.

    About 6 kB a picture of 128x96. A palette would take a third, but its bands would pass for the network's.

    Args:
        path: its folder is made where it is missing.
        rows: (H, W, 3) or (H, W) uint8 pictures, all of one size, as many a row as there are titles.
        titles: a title too wide for its column is set smaller, then cut.
    """
    assert rows, "a grid has at least one row"
    assert all(len(row) == len(titles) for row in rows), "every row has one picture for each title"
    height, width = rows[0][0].shape[:2]
    canvas = Pillow.new("RGB", (len(titles) * (width + GAP) + GAP, HEADER + len(rows) * (height + GAP) + GAP), "white")
    draw = ImageDraw.Draw(canvas)
    for column, title in enumerate(titles):
        text, font = _fit(title, width)
        draw.text((GAP + column * (width + GAP) + width / 2, HEADER / 2 + 1), text, "black", font, anchor="mm")
        for index, row in enumerate(rows):
            assert row[column].shape[:2] == (height, width), "pictures of a grid share one size"
            corner = (GAP + column * (width + GAP), HEADER + GAP + index * (height + GAP))
            canvas.paste(Pillow.fromarray(row[column]).convert("RGB"), corner)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, np.asarray(canvas))


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


def write_page(folder: Path, records: Sequence[Record]) -> Path:
    """Write ``folder``/pictures.html: best rows in words, tables, and the grids that lie in ``folder``/pictures.

    The page needs nothing but those grids, which it links relatively: no script, no font, no request elsewhere.
    """
    # By name: the stage that draws grids must not be built again because the layout of a table has changed.
    record, summary, table_module = (import_module(f"vtoncompress.{name}") for name in ("record", "summary", "table"))
    words = "".join(f"<p>{escape(line)}</p>" for line in summary.summarise(records))
    body = [f"<h1>{escape(folder.name)}</h1>", f"<section>{words}</section>"]
    for table in table_module.to_tables(records):
        body += [f"<h2>{escape(table.title)}</h2>", _table(table)]
        body += [_figure(folder, table, *pair) for pair in zip(table.rows, table.records, strict=True)]
    path = folder / PAGE
    record.write_text(path, PAGE_FRAME.format(title=escape(folder.name), style=STYLE, body="\n".join(body)))
    return path


def _table(table: Table) -> str:
    head = "".join(f"<th scope=col>{escape(header)}</th>" for header in table.headers)
    rows = []
    for row, record in zip(table.rows, table.records, strict=True):
        name = f'<th scope=row><a href="#{escape(record.variant)}">{escape(row[0])}</a></th>'
        rows.append(f"<tr>{name}{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>")
    notes = "".join(f"<li>{escape(line)}</li>" for line in (*table.captions, *table.notes))
    # Focusable, so that a wide table can be scrolled with the keyboard.
    return (
        f'<div class=wide tabindex=0 role=region aria-label="{escape(table.title)}">\n<table>\n<tr>{head}</tr>\n'
        + "\n".join(rows)
        + f"\n</table></div>\n<ul>{notes}</ul>"
    )


def _figure(folder: Path, table: Table, row: list[str], record: Record) -> str:
    cells = zip(table.headers[1:], row[1:], strict=True)
    numbers = " · ".join(f"{header} {cell}" for header, cell in cells if cell not in ("", "–"))
    caption = f"failed: {record.reason}" if record.status == "failed" else numbers or "nothing measured"
    picture = grid_path(folder, record.variant)
    name, shown = escape(record.variant), "<p>No pictures.</p>"
    if picture.is_file():
        with Pillow.open(picture) as grid:
            width, height = grid.size
        image = (
            f'<img src="{FOLDER}/{name}.png" width={width} height={height} loading=lazy alt="{name}: try-on results">'
        )
        shown = f'<a href="{FOLDER}/{name}.png">{image}</a>'
    heading = f"<h3>{escape(row[0])}</h3><figcaption>{escape(caption)}</figcaption>"
    return f'<figure id="{name}">{heading}{shown}</figure>'


STYLE = """
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 72rem; margin: 1rem auto;
  padding: 0 1rem }
h3 { margin: 2rem 0 0; overflow-wrap: anywhere }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd; vertical-align: bottom }
td { white-space: nowrap }
th:first-child { text-align: left; font-weight: normal; position: sticky; left: 0; background: #fff;
  min-width: 8rem; overflow-wrap: anywhere }
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
