"""Records -> table.csv with everything, and short tables to read (Markdown, LaTeX), one protocol each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtoncompress.columns import SHOWN, Column
from vtoncompress.confidence import interval_cells
from vtoncompress.disturbance import disturbance_notes
from vtoncompress.misleading import flags
from vtoncompress.payoff import slow_variants, smaller_not_faster
from vtoncompress.record import Record, metric_fields, split_by_protocol, write_text
from vtoncompress.seeds import SPREAD, idle_notes, over_seeds
from vtoncompress.summary import captions, group_by

if TYPE_CHECKING:
    import pandas as pd

CHOICES = (
    "variant", "role", "model", "data", "protocol", "scope", "criterion", "pruning_ratio", "finetuning", "quantization",
    "sampling", "runtime", "seed", "pairs", "status",
)  # fmt: skip
VALUES = (
    "gmacs", "gflops", "params_m", "size_mib", "fid", "kid", "ssim", "psnr", "ssim_garment", "l1_garment",
    "latency_ms_p50", "latency_ms_p95", "fps", "speedup",
)  # fmt: skip
# What tells rows apart that the columns above don't: same ratio by another schedule, same protocol on other pairs.
EXTRAS = ("pruning", "quantization_scope", "pair_list_hash", "features", "reason")
# Shares 0..1 that pruning removed, where a record has them: no ratio is met exactly.
REACHED = ("channels_removed", "params_removed", "macs_removed")
ROLES = ("reference", "oracle", "variant")
NOTHING, FLAG = "–", "⚑"


def to_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row a record, in the order of the tables: the contract's columns, ``EXTRAS``, and what else records have."""
    import pandas as pd

    rows = [_cells(record) for record in in_order(records)]
    further = dict.fromkeys(name for row in rows for name in row if name not in (*CHOICES, *VALUES, *EXTRAS))
    frame = pd.DataFrame(rows, columns=[*CHOICES, *VALUES, *EXTRAS, *further])
    numbers = {"seed": "Int64", "pairs": "Int64", "pruning_ratio": float}
    return frame.astype(numbers | dict.fromkeys([*VALUES, *further], float))


def _cells(record: Record) -> dict[str, Any]:
    metrics = metric_fields(record)
    features = {
        f"{metrics[key]} {metrics.get(f'{m}_weights', '')}"
        for m in ("fid", "kid")
        if (key := f"{m}_extractor") in metrics
    }
    return {
        **{name: getattr(record, name) for name in (*CHOICES, "pruning", "reason")},
        "pair_list_hash": record.trust.get("pair_list_hash", ""),
        "features": "; ".join(sorted(features)),
        **reached(record),
        **record.values,
        **interval_cells(record),
    }


def reached(record: Record) -> dict[str, float]:
    """Those of ``REACHED`` that pruning told the record, 0..1."""
    told = record.details | record.details.get("pruning", {}) | record.values
    return {name: told[name] for name in REACHED if isinstance(told.get(name), float | int)}


def in_order(records: Iterable[Record]) -> list[Record]:
    """References and oracle first, otherwise as they are."""
    return sorted(records, key=lambda record: ROLES.index(record.role))


@dataclass(frozen=True)
class Table:
    """A table to be read, of one protocol. All cells are plain text; the first of a row is its label.

    ``records`` are those of the rows, in order; none where a row is no record. ``labels`` is the header of the labels.
    """

    title: str
    records: list[Record]
    columns: tuple[Column, ...]
    rows: list[list[str]]
    captions: list[str]
    notes: list[str]
    over_seeds: bool = False
    labels: str = "variant"

    @property
    def headers(self) -> list[str]:
        """One for each cell of a row."""
        return [self.labels, *(column.header for column in self.columns)]


def to_tables(records: Sequence[Record]) -> list[Table]:
    """One table a protocol; columns that are empty in all its rows are left out."""
    tables = []
    for group in map(in_order, split_by_protocol(records)):
        columns = tuple(
            _by_convention(column, group) for column in SHOWN if any(column.key in record.values for record in group)
        )
        tables.append(_to_table(f"Protocol {_protocol(group)}", group, columns))
    return tables


def to_seed_tables(records: Sequence[Record]) -> list[Table]:
    """One table a protocol of what was run with several seeds: means and spreads; notes where no seed counts."""
    tables = []
    for group in split_by_protocol(records):
        if means := over_seeds(group):
            columns = [replace(column, spread=column.key + SPREAD) for column in SHOWN]
            shown = tuple(column for column in columns if any(column.key in record.values for record in means))
            title = f"Protocol {_protocol(group)}, mean ± standard deviation over seeds"
            tables.append(
                replace(_to_table(title, means, shown), captions=[], notes=idle_notes(means), over_seeds=True)
            )
    return tables


def _to_table(title: str, group: list[Record], columns: tuple[Column, ...]) -> Table:
    flagged = flags(group, columns, _format)
    marked = flagged.keys() | slow_variants(group)
    rows = [
        [_label(record, record.variant in marked), *(_format(record, column) for column in columns)] for record in group
    ]
    notes = [*_notes(group, columns), *flagged.values()]
    return Table(title, group, columns, rows, captions(group, {column.key for column in columns}), notes)


def _by_convention(column: Column, group: Sequence[Record]) -> Column:
    """KID times what the protocol multiplies it by; records and table.csv hold KID itself."""
    factor = next((told for record in group if (told := record.trust.get("kid_factor"))), 1)
    if factor == 1 or not column.key.startswith("kid"):
        return column
    return replace(column, header=f"{column.header} × {factor}", decimals=2, factor=factor)


def _protocol(group: Sequence[Record]) -> str:
    return next((record.protocol for record in group if record.protocol), "unknown")


def _label(record: Record, flagged: bool) -> str:
    untrained = str(record.trust.get("weights", "")).startswith("random")
    told = {record.role: record.role == "reference", "random weights": untrained}
    seeds = ", ".join(map(str, record.details.get("seeds", ())))
    told[f"seeds {seeds}"] = bool(seeds)
    marks = [mark for mark, holds in (told | {"failed": record.status == "failed"}).items() if holds]
    name = record.variant if record.role == "variant" else record.variant.rpartition("-")[0] or record.variant
    label = f"{name} ({', '.join(marks)})" if marks else name
    return f"{label} {FLAG}" if flagged else label


def _format(record: Record, column: Column) -> str:
    value, spread = record.values.get(column.key), record.values.get(column.spread or "")
    if value is None:
        return NOTHING
    text = f"{column.factor * value:.{column.decimals}f}"
    text = text.lstrip("-") if float(text) == 0 else text
    return text if spread is None else f"{text} ± {column.factor * spread:.{column.decimals}f}"


def _notes(group: Sequence[Record], columns: Sequence[Column]) -> list[str]:
    """What to beware of, what failed and why, what has no number and why."""
    shown = {column.key for column in columns}
    notes = []
    if shown & {"fid", "fid_shipped", "kid", "kid_shipped"} and any(
        record.variant.startswith("unchanged") for record in group
    ):
        notes.append("FID never stands alone: the person returned unchanged wins it.")
    if any((column.spread or "") in record.values for column in columns for record in group):
        notes.append("KID: mean over subsets, ± the standard deviation of their values.")
    notes += [f"{record.variant} failed: {record.reason}" for record in group if record.status == "failed"]
    notes += smaller_not_faster(group)
    notes += disturbance_notes(group)
    done = [record for record in group if record.status == "done"]
    for column_names, variants, reason in _missing(done):
        names = ", ".join(variants) if len(variants) <= 3 else f"{len(variants)} of {len(done)} rows"
        where = "" if len(variants) == len(done) else f" of {names}"
        notes.append(f"No {', '.join(column_names)}{where}: {reason}.")
    return notes


def _missing(records: Sequence[Record]) -> list[tuple[list[str], list[str], str]]:
    """Headers, variants and reason of the empty cells, each reason told once for the same variants."""
    full = {"fid": "FID (Inception)", "kid": "KID (Inception)"}
    cells = group_by(
        ((full.get(column.key, column.header), record.missing[column.key]), record.variant)
        for record in records
        for column in SHOWN
        if column.key in record.missing
    )
    merged = group_by(((reason, tuple(variants)), header) for (header, reason), variants in cells.items())
    return [(headers, list(variants), reason) for (reason, variants), headers in merged.items()]


def write_tables(records: Sequence[Record], folder: Path) -> list[Path]:
    """Write table.csv (all columns, full precision), table.md and table.tex; each whole or not at all."""
    tables = [*to_tables(records), *to_seed_tables(records)]
    texts = {
        "table.csv": to_frame(records).to_csv(index=False, lineterminator="\n"),
        "table.md": "\n".join(to_markdown(table) for table in tables),
        "table.tex": "% needs \\usepackage{booktabs}\n" + "\n".join(to_latex(table) for table in tables),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def to_markdown(table: Table) -> str:
    """A heading, the table, its captions and notes."""
    rules = ["---", *["---:"] * len(table.columns)]
    lines = [f"| {' | '.join(map(_escape_markdown, row))} |" for row in (table.headers, *table.rows)]
    lines.insert(1, f"| {' | '.join(rules)} |")
    below = [f"- {_escape_markdown(line)}" for line in (*table.captions, *table.notes)]
    return "\n".join([f"### {table.title}", "", *lines, "", *below, ""])


def _escape_markdown(text: str) -> str:
    return re.sub(r"([\\`*<>|\[\]])", r"\\\1", text)


LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"},
    **{FLAG: r"$\ast$", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "×": r"$\times$", "–": "--"},
}


def to_latex(table: Table) -> str:
    """A booktabs table; captions and notes stand below it, headers are broken at their spaces."""
    headers = [_escape_latex(header).replace(" ", r" \\ ") for header in table.headers]
    headers[1:] = [rf"\shortstack[r]{{{header}}}" for header in headers[1:]]
    lines = [
        r"\begin{table}[htbp]",
        rf"\centering\footnotesize\setlength{{\tabcolsep}}{{3pt}}\caption{{{_escape_latex(table.title)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        " & ".join(headers) + r" \\",
        r"\midrule",
        *(" & ".join(map(_escape_latex, row)) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip\raggedright",
        *(_escape_latex(line) + r"\par" for line in (*table.captions, *table.notes)),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _escape_latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)
