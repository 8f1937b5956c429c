"""The figures of the documents on pruning and speed are the results', and these keep what is claimed of them.

After a new measurement ``python -m tests.test_documented_results`` writes the tables into the documents.
"""

from __future__ import annotations

import csv
import functools
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import pytest

from vtoncompress.disturbance import disturbed
from vtoncompress.published.mapping import read_comparisons
from vtoncompress.published.recovery import Recovery, recovered_pct, recoveries
from vtoncompress.record import ROOT, Record, read_all
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
CRITERIA = {
    "dense": "dense",
    "dense_tuned": "dense, trained further",
    **{
        name: f"`{name}`"
        for name in (
            "random", "magnitude_l1", "magnitude_l2", "bn_scale", "lamp", "fpgm", "taylor", "hessian", "group_norm",
        )
    },
    "magnitude_l2_global": "`magnitude_l2`, all groups compared",
    "taylor_global": "`taylor`, all groups compared",
    "magnitude_l2_iterative": "`magnitude_l2`, in three steps",
    "magnitude_l2_recovered": "the same, trained after each",
    "magnitude_l2_multiples_of_8": "`magnitude_l2`, channels in multiples of 8",
}  # fmt: skip
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
ATTENTION = ROOT / "results" / "cat_vton_attention_pruning"
HEADS = {"heads 10 %": "heads10", "heads 25 %": "heads25", "heads 40 %": "heads40", "heads 50 %": "heads50"}
BARS = {"0.2": 85, "0.5": 70}
"""Per cent of the garment SSIM that fine-tuning must win back, by ratio."""
SPEED = {
    "dense_openvino": "dense, float32",
    "dense_int8": "dense, INT8",
    "best_int8": "the published best ratios, INT8",
    "best_rounded_int8": "the published best ratios in multiples of 16, INT8",
    "whole40_int8": "all pruned by 40 %, INT8",
    "whole50_int8": "all pruned by 50 %, INT8",
    "shaped70_int8": "shaped by sensitivity, 70 %, INT8",
    "shaped90_int8": "shaped by sensitivity, 90 %, INT8",
    "time60_int8": "60 % of the time pruned away, INT8",
    "time70_int8": "70 % of the time pruned away, INT8",
}
AIMS = {"dense_openvino": 1.3, "dense_int8": 4.5, "best_int8": 6, "best_rounded_int8": 6}
"""Speedups, one pair at a time, that were aimed at."""
FASTEST = (10, 15)
"""What the fastest recipe was to reach one-off and amortised."""
TOLD_APART = 0.02
"""Garment SSIM by which rows of one set of training pairs must differ, and docs/pruning.md says why."""
LOSS = 0.05
"""Garment SSIM that a recipe which counts may lose on the small network."""


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


def criteria_table() -> list[str]:
    """Of docs/pruning.md."""
    rows = _table("criteria")
    lines = [
        "| | GMACs | size (MiB) | garment SSIM | SSIM | FID (shipped features) | flow error (px) |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, label in CRITERIA.items():
        figures = {column: float(rows[name][column]) for column in ("gmacs", "size_mib", *QUALITY)}
        cost = [f"{figures['gmacs']:.2f}", f"{figures['size_mib']:.1f}"]
        lines.append(f"| {' | '.join([label, *cost, *_told({'': figures})])} |")
    return lines


@functools.cache
def _recovered(experiment: str) -> dict[str, Recovery]:
    comparison = read_comparisons(experiment)[0]
    found = recoveries(comparison, read_all(ROOT / "results" / experiment))
    return {one.record.variant: one for one in found}


def recovery_table() -> list[str]:
    """Of docs/published_tables.md; rows that were not measured yet are left out."""
    lines = [
        "| pruned | MACs removed (%) | garment SSIM: pruned alone | batch norms alone | fine-tuned "
        "| recovered of dense (%) | of control (%) | FID loss (%) |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for label, experiment, variant in PRUNED:
        rows = _recovered(experiment)
        steps = [rows.get(f"{variant}{step}") for step in ("", "_batch_norm", "_tuned")]
        if not all(steps):
            continue
        ssim = [f"{one.record.values['ssim_garment']:.3f}".removeprefix("0") for one in steps if one]
        tuned = rows[f"{variant}_tuned"]
        shares = [
            "–" if share is None else f"{share:.0f}"
            for share in (tuned.recovered_pct, tuned.recovered_of_control_pct, tuned.fid_loss_pct)
        ]
        macs = f"{100 * tuned.record.values['macs_removed']:.0f}"
        lines.append(f"| {' | '.join([label, macs, *ssim, *shares])} |")
    return lines


@functools.cache
def _attention() -> dict[str, Record]:
    return {record.variant: record for record in read_all(ATTENTION) if record.status == "done"}


def attention_table() -> list[str]:
    """Of docs/cat_vton.md; rows that were not measured yet are left out."""
    lines = [
        "| pruned | parameters (M) | GMACs | p50 (ms) | garment SSIM: pruned alone | fine-tuned "
        "| recovered (%) | of control (%) |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    rows = _attention()
    for label, variant in {"nothing": "dense", **HEADS}.items():
        alone, tuned = (rows.get(f"{variant}{step}") for step in ("", "_tuned"))
        if alone is None or tuned is None:
            continue
        cost = [
            f"{alone.values[column]:.{digits}f}"
            for column, digits in {"params_m": 2, "gmacs": 1, "latency_ms_p50": 0}.items()
        ]
        ssim = [f"{one.values['ssim_garment']:.3f}".removeprefix("0") for one in (alone, tuned)]
        shares = [recovered_pct(tuned, alone, rows.get(target)) for target in ("dense", "dense_tuned")]
        told = ["" if share is None or variant == "dense" else f"{share:.0f}" for share in shares]
        lines.append(f"| {' | '.join([label, *cost, *ssim, *told])} |")
    return lines


def speed_table() -> list[str]:
    """Of docs/speed.md, at full size; a row that was not measured yet has no figures."""
    full, suspect = _table("speed"), disturbed(read_all(ROOT / "results/speed"))
    columns = {
        "latency_ms_p50": 1, "speedup": 2, "latency_ms_amortised_p50": 1, "speedup_amortised": 2, "peak_memory_mib": 0,
        "start_s": 2,
    }  # fmt: skip
    lines = [
        "| row | p50 (ms) | speedup | amortised (ms) | speedup | memory (MiB) | start (s) | aimed at |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, label in SPEED.items():
        row, aim = full.get(name, {}), AIMS.get(name)
        figures = [f"{float(row[column]):.{digits}f}" if row.get(column) else "–" for column, digits in columns.items()]
        reached = bool(row) and aim is not None and float(row["speedup"]) >= aim
        told = "–" if aim is None else f"{aim:g}" + ("" if reached else " **not reached**")
        flag = f"{label} ⚑" if name in suspect else label
        lines.append(f"| {' | '.join([flag, *figures, told])} |")
    return lines


def recipe_table() -> list[str]:
    """Of docs/speed.md: what the recipes cost in quality on the small network, beside their speed at full size."""
    full, small = _table("speed"), _table("speed_small")
    suspect = disturbed(read_all(ROOT / "results/speed"))
    quality = {"ssim_garment": 3, "ssim": 3, "fid_shipped": 2, "kid_shipped": 3}
    lines = [
        "| row | full size: GMACs | speedup | amortised | small: GMACs | garment SSIM | SSIM | FID | KID | counts |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, label in SPEED.items():
        if name not in small:
            continue
        cost = [f"{float(full[name][column]):.1f}" for column in ("gmacs", "speedup", "speedup_amortised")]
        own = [f"{float(small[name]['gmacs']):.3f}"]
        own += [f"{float(small[name][column]):.{digits}f}" for column, digits in quality.items()]
        flag = f"{label} ⚑" if name in suspect else label
        lines.append(f"| {' | '.join([flag, *cost, *own, 'yes' if name in _counting() else 'no'])} |")
    return lines


def _counting() -> list[str]:
    """Rows whose garment SSIM on the small network is within LOSS of the dense one's."""
    small = {name: row for name, row in _table("speed_small").items() if name in SPEED}
    dense = float(small["dense_openvino"]["ssim_garment"])
    return [name for name, row in small.items() if dense - float(row["ssim_garment"]) <= LOSS]


def correlation_table() -> list[str]:
    """Of docs/speed.md: what the benchmark printed, without its levels."""
    lines = (ROOT / "results/correlation/correlation.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    kept = [0, *range(next(n for n, header in enumerate(rows[0]) if header.startswith("all")), len(rows[0]))]
    return [f"| {' | '.join(row[place] for place in kept)} |" for row in rows]


def _table(experiment: str) -> dict[str, dict[str, str]]:
    """Finished variants by name; none where the experiment has no results yet."""
    path = ROOT / "results" / experiment / "table.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as table:
        return {row["variant"]: row for row in csv.DictReader(table) if row["status"] == "done"}


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
    ("docs/pruning.md", criteria_table),
    ("docs/training.md", distillation_table),
    ("docs/published_tables.md", recovery_table),
    ("docs/metrics.md", distance_table),
    ("docs/speed.md", correlation_table),
    ("docs/speed.md", speed_table),
    ("docs/speed.md", recipe_table),
    ("docs/cat_vton.md", attention_table),
]


def _needs(table: Callable[[], list[str]]) -> str:
    """Why a table can't be made yet; empty where it can."""
    return f"{ATTENTION.name} was not measured yet" if table is attention_table and not _attention() else ""


def _found(lines: Sequence[str], header: str, table: Callable[[], list[str]]) -> slice:
    """Where the table with this header is; below its mark where there is none yet."""
    if header not in lines:
        start = lines.index(f"<!-- {table.__name__} -->") + 1
        return slice(start, start)
    start = lines.index(header)
    return slice(start, next(n for n in range(start, len(lines) + 1) if not "".join(lines[n : n + 1]).startswith("|")))


@pytest.mark.parametrize("document, table", TABLES)
def test_a_document_s_table_is_the_measured_one(document: str, table: Callable[[], list[str]]) -> None:
    if reason := _needs(table):
        pytest.skip(reason)
    expected, lines = table(), (ROOT / document).read_text().splitlines()
    assert lines[_found(lines, expected[0], table)] == expected, "python -m tests.test_documented_results writes it"


@pytest.mark.parametrize("label, experiment, variant", [row for row in PRUNED if row[0].split()[-1] in BARS])
def test_fine_tuning_wins_back_what_is_claimed(label: str, experiment: str, variant: str) -> None:
    if (row := _recovered(experiment).get(f"{variant}_tuned")) is None:
        pytest.skip(f"{variant} was not measured yet")
    assert row.recovered_pct is not None
    assert row.recovered_of_control_pct is not None
    assert min(row.recovered_pct, row.recovered_of_control_pct) >= BARS[label.split()[-1]]


def test_training_the_attention_wins_back_what_its_pruning_took() -> None:
    """At a quarter of the heads; and the more of them go, the less there is to compute."""
    rows = _attention()
    if not {"dense", *HEADS.values(), "heads25_tuned"} <= rows.keys():
        pytest.skip(f"{ATTENTION.name} was not measured yet")
    share = recovered_pct(rows["heads25_tuned"], rows["heads25"], rows["dense"])
    assert share is not None
    assert share >= 70
    for column in ("params_m", "gmacs"):
        costs = [rows[name].values[column] for name in ("dense", "heads10", "heads25", "heads40", "heads50")]
        assert costs == sorted(costs, reverse=True), column


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
    closed = "was never closed in the last tenth" in (ROOT / "docs/training.md").read_text()
    assert closed == (set(shares) == {1.0})


def test_gradients_rank_better_than_weights_and_the_best_of_these_better_than_chance() -> None:
    ssim = {name: float(row["ssim_garment"]) for name, row in _table("criteria").items() if name in CRITERIA}
    weights = [ssim[name] for name in ("magnitude_l1", "magnitude_l2", "bn_scale", "lamp", "fpgm", "group_norm")]
    assert min(ssim["taylor"], ssim["hessian"]) > max(weights) > ssim["random"] + TOLD_APART


@pytest.mark.parametrize("column, place", [("speedup", 0), ("speedup_amortised", 1)])
def test_the_document_names_the_fastest_recipe_that_counts(column: str, place: int) -> None:
    full = {name: float(row[column]) for name, row in _table("speed").items() if name in _counting() and row[column]}
    name = max(full, key=full.__getitem__)
    told = f"{full[name]:.1f} times {('one-off', 'amortised')[place]} (`{name}`; {FASTEST[place]} "
    told += "was aimed at)" if full[name] >= FASTEST[place] else "was aimed at, **not reached**)"
    assert told in " ".join((ROOT / "docs/speed.md").read_text().split())


def write_tables() -> None:
    """Into the documents."""
    for document, table in TABLES:
        path = ROOT / document
        lines = path.read_text().splitlines()
        if _needs(table):
            continue
        lines[_found(lines, table()[0], table)] = table()
        path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_tables()
