"""One page that shows every variant's pictures beside its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image as Pillow

from vtoncompress.picture_grid import FOLDER, grid_path
from vtoncompress.record import Record, write_text
from vtoncompress.summary import summarise
from vtoncompress.table import Table, to_tables

PAGE = "pictures.html"


def write_page(folder: Path, records: Sequence[Record]) -> Path:
    """Write ``folder``/pictures.html: best rows in words, tables, and the grids that lie in ``folder``/pictures.

    The page needs nothing but those grids, which it links relatively: no script, no font, no request elsewhere.
    """
    words = "".join(f"<p>{escape(line)}</p>" for line in summarise(records))
    body = [f"<h1>{escape(folder.name)}</h1>", f"<section>{words}</section>"]
    for table in to_tables(records):
        body += [f"<h2>{escape(table.title)}</h2>", _table(table)]
        body += [_figure(folder, table, *pair) for pair in zip(table.rows, table.records, strict=True)]
    path = folder / PAGE
    write_text(path, PAGE_FRAME.format(title=escape(folder.name), style=STYLE, body="\n".join(body)))
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
