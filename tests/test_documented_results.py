"""The figures of the pruning documents are those of the committed results, and these keep what is claimed of them.

After a new measurement ``python -m tests.test_documented_results`` writes the tables into the documents.
"""

from __future__ import annotations

import csv
import functools
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import pytest

from vtoncompress.published.mapping import read_comparisons
from vtoncompress.published.recovery import Recovery, recoveries
from vtoncompress.record import ROOT, read_all
from vtoncompress.summary import find_dense

QUALITY = {"ssim_garment": 3, "ssim": 3, "fid_shipped": 1, "flow_error_px": 2}
DISTILLATION = {
    "dense": "dense",
    "dense, trained further": "dense_tuned",
    **{
        f"pruned 0.{ratio // 10}, {label}": f"pruned{ratio}_{step}"
        for ratio in (40, 50)
        for label, step in (("batch norms alone", "batch_norm"), ("plain", "tuned"), ("distilled", "distilled"))
    },
}
PRUNED = [
    ("encoders 0.2", "cloth_warp_module_pruning", "pruned20"),
    ("encoders 0.5", "cloth_warp_module_pruning", "pruned50"),
    ("generator 0.2", "image_generation_module_pruning", "pruned20"),
    ("generator 0.4", "image_generation_module_pruning", "pruned40"),
    ("encoders 0.4, generator 0.25", "best_pruning", "best"),
    ("warp network 0.4, generator 0.25", "best_pruning", "best_whole"),
    ("everything 0.2", "best_pruning", "whole20"),
    ("everything 0.5", "best_pruning", "whole50"),
]
BARS = {"0.2": 85, "0.5": 70}
"""Per cent of the garment SSIM that fine-tuning must win back, by ratio."""


@functools.cache
def _distillation() -> dict[str, dict[str, dict[str, float]]]:
    """Variant -> set of training pairs -> quality."""
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    with (ROOT / "results/distillation/table.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            if row["role"] == "variant":
                variant, _, pairs = row["variant"].partition("-")
                found[variant][pairs] = {column: float(row[column]) for column in QUALITY}
    return found


def _told(runs: Mapping[str, Mapping[str, float]]) -> list[str]:
    return [_spread([run[column] for run in runs.values()], digits) for column, digits in QUALITY.items()]


def _spread(numbers: Sequence[float], digits: int) -> str:
    mean = statistics.mean(numbers)
    digits = 0 if mean >= 100 else digits
    told = [mean, *([statistics.stdev(numbers)] if len(numbers) > 1 else [])]
    return " ± ".join(f"{number:.{digits}f}".removeprefix("0" if digits == 3 else "") for number in told)


def distillation_table() -> list[str]:
    """Of docs/training.md."""
    rows = _distillation()
    return [
        "| | garment SSIM | SSIM | FID (shipped features) | flow error (px) |",
        "|---|---:|---:|---:|---:|",
        *(f"| {' | '.join([label, *_told(rows[name])])} |" for label, name in DISTILLATION.items()),
    ]


@functools.cache
def _recovered(experiment: str) -> dict[str, Recovery]:
    comparison = read_comparisons(experiment)[0]
    found = recoveries(comparison, read_all(ROOT / "results" / experiment))
    return {one.record.variant: one for one in found}


def recovery_table() -> list[str]:
    """Of docs/published_tables.md; rows that were not measured yet are left out."""
    lines = [
        "| pruned | MACs removed (%) | garment SSIM: pruned alone | batch norms alone | fine-tuned "
        "| recovered (%) | of control (%) |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for label, experiment, variant in PRUNED:
        rows = _recovered(experiment)
        steps = [rows.get(f"{variant}{step}") for step in ("", "_batch_norm", "_tuned")]
        if not all(steps):
            continue
        ssim = [f"{one.record.values['ssim_garment']:.3f}".removeprefix("0") for one in steps if one]
        tuned = rows[f"{variant}_tuned"]
        shares = [
            f"{share:.0f}" for share in (tuned.recovered_pct, tuned.recovered_of_control_pct) if share is not None
        ]
        macs = f"{100 * tuned.record.values['macs_removed']:.0f}"
        lines.append(f"| {' | '.join([label, macs, *ssim, *shares])} |")
    return lines


def distance_table() -> list[str]:
    """Of docs/metrics.md: FID and garment SSIM of the dense network beside what does next to nothing."""
    lines = [
        "| `results/` | pairs | dense: FID, garment SSIM | unchanged person | garment pasted |",
        "|---|---|---|---|---|",
    ]
    for experiment in ("quickstart", "cloth_warp_module_pruning"):
        records = read_all(ROOT / "results" / experiment)
        dense = find_dense(records)
        assert dense is not None
        references = {one.variant.rpartition("-")[0]: one for one in records if one.role == "reference"}
        cells = [
            (f"{one.values['fid_shipped']:.2f}", f"{one.values['ssim_garment']:.3f}")
            for one in (dense, references["unchanged"], references["pasted"])
        ]
        told = [", ".join((f"**{fid}**" if number == 1 else fid, ssim)) for number, (fid, ssim) in enumerate(cells)]
        lines.append(f"| {' | '.join([f'`{experiment}`', f'{dense.pairs:,}', *told])} |")
    return lines


TABLES: list[tuple[str, Callable[[], list[str]]]] = [
    ("docs/training.md", distillation_table),
    ("docs/published_tables.md", recovery_table),
    ("docs/metrics.md", distance_table),
]


def _found(lines: Sequence[str], header: str) -> slice:
    """Where the table with this header is."""
    start = lines.index(header)
    return slice(start, next(n for n in range(start, len(lines) + 1) if not "".join(lines[n : n + 1]).startswith("|")))


@pytest.mark.parametrize("document, table", TABLES)
def test_a_document_s_table_is_the_measured_one(document: str, table: Callable[[], list[str]]) -> None:
    expected, lines = table(), (ROOT / document).read_text().splitlines()
    assert lines[_found(lines, expected[0])] == expected, "python -m tests.test_documented_results writes it"


@pytest.mark.parametrize("label, experiment, variant", [row for row in PRUNED if row[0].split()[-1] in BARS])
def test_fine_tuning_wins_back_what_is_claimed(label: str, experiment: str, variant: str) -> None:
    if (row := _recovered(experiment).get(f"{variant}_tuned")) is None:
        pytest.skip(f"{variant} was not measured yet")
    assert row.recovered_pct is not None
    assert row.recovered_pct >= BARS[label.split()[-1]]


@pytest.mark.parametrize("ratio", [40, 50])
def test_distilled_beats_plain_for_each_set_of_pairs(ratio: int) -> None:
    distilled, plain = (_distillation()[f"pruned{ratio}_{step}"] for step in ("distilled", "tuned"))
    assert distilled.keys() == plain.keys()
    assert len(plain) == 3
    assert all(distilled[pairs]["ssim_garment"] > plain[pairs]["ssim_garment"] for pairs in plain)


def test_the_gate_s_share_is_in_every_distilled_record() -> None:
    """docs/training.md says how often it was open."""
    shares = [
        record.details["training"]["teacher_better"]
        for record in read_all(ROOT / "results/distillation")
        if "distilled" in record.variant
    ]
    assert len(shares) == 6
    closed = "was never closed" in (ROOT / "docs/training.md").read_text()
    assert closed == (set(shares) == {1.0})


def write_tables() -> None:
    """Into the documents."""
    for document, table in TABLES:
        path = ROOT / document
        lines = path.read_text().splitlines()
        lines[_found(lines, table()[0])] = table()
        path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_tables()
