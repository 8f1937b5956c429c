"""Tables in a terminal, a file or a pipe: as many columns as there is room for, and every number whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vtoncompress.record import Record
from vtoncompress.table import Table, to_seed_tables, to_tables

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

PLAIN_WIDTH = 160
# Left out first where a terminal is narrow; all of them are in table.md.
NARROW = (
    "channels_removed", "params_removed", "macs_removed", "flow_error_px", "l1_garment", "fps", "psnr", "params_m",
    "kid", "kid_shipped", "ssim", "gmacs", "fid", "fid_shipped",
)  # fmt: skip


def print_table(records: Sequence[Record], console: Console | None = None) -> None:
    """Print the tables of ``records`` as :func:`print_tables` does."""
    print_tables([*to_tables(records), *to_seed_tables(records)], console)


def print_tables(tables: Sequence[Table], console: Console | None = None) -> None:
    """Print them in 120 characters, with fewer columns in a narrower terminal; wider in a file or pipe."""
    from rich.console import Console

    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    name_width = max(24, console.width - 92)  # 92 is what all columns of numbers take at most
    for table in tables:
        keys = [column.key for column in table.columns]
        unbounded = console.options.update(max_width=1000)  # a measure within the console's width never exceeds it
        for key in NARROW:
            if console.measure(_to_rich(table, keys, name_width), options=unbounded).maximum <= console.width:
                break
            keys = [one for one in keys if one != key]
        console.print(_to_rich(table, keys, name_width))
        if len(keys) < len(table.columns):
            console.print("More columns in a wider terminal and in table.md.", style="dim")
        for line in (*table.captions, *table.notes):
            console.print(line, markup=False, style="dim")


def _to_rich(table: Table, keys: Sequence[str], name_width: int) -> RichTable:
    from rich.table import Table as RichTable
    from rich.text import Text

    view = RichTable(title=table.title, box=None, padding=(0, 1, 0, 0), header_style="bold", title_justify="left")
    view.add_column(table.labels, max_width=name_width, overflow="fold", vertical="bottom")
    kept = [index for index, column in enumerate(table.columns, 1) if column.key in keys]
    for index in kept:
        view.add_column(table.headers[index].replace(" ", "\n"), justify="right", no_wrap=True, vertical="bottom")
    for row in table.rows:
        # KID's own spread has no room in a terminal.
        cells = (row[index] if table.over_seeds else row[index].partition(" ±")[0] for index in kept)
        view.add_row(Text(row[0]), *map(Text, cells))
    return view
