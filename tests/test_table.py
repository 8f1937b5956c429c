"""Tables: everything in the CSV, one protocol a table, nothing lost on the way to Markdown and LaTeX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from vtoncompress import record
from vtoncompress.record import Record
from vtoncompress.reference import REFERENCES
from vtoncompress.report.table import to_sortable
from vtoncompress.table import FLAG, in_order, to_frame, to_latex, to_markdown, to_tables, write_tables

CONTRACT = (
    "variant role model data protocol scope criterion pruning_ratio finetuning quantization sampling runtime seed "
    "pairs "
    "status gmacs gflops params_m size_mib fid kid ssim psnr ssim_garment l1_garment latency_ms_p50 latency_ms_p95 fps "
    "speedup"
)
FID = {"fid_extractor": "shipped", "fid_weights": "ab12", "fid_resizing": "none"}
TRUST = {
    "cpu": "Some CPU", "instruction_set": ["avx2"], "threads_available": 2, "pair_list_hash": "0123abcd",
    "picture_size": [128, 96], "metrics": {"fid": FID}, "weights": "small network trained on generated data",
    "runtime": {"version": "2026.4.1-7", "threads": 2, "execution_precision": "f32"},
}  # fmt: skip


def row(name: str, **values: float) -> Record:
    choices = {"model": "pf_afn_small", "protocol": "generated", "runtime": "openvino"}
    return Record(name, seed=0, pairs=256, trust=dict(TRUST), values=values, **choices)  # type: ignore[arg-type]


@pytest.fixture
def records() -> list[Record]:
    dense = row(
        "dense_float32", gmacs=1.494, gflops=2.988, params_m=5.07, size_mib=19.44, fid_shipped=3.2145,
        kid_shipped=0.0021, kid_shipped_std=0.0003, ssim=0.1 + 0.2, psnr=25.31, ssim_garment=0.7912, l1_garment=0.0412,
        flow_error_px=1.314, latency_ms_p50=27.44, latency_ms_p95=31.0, fps=36.4, speedup=1.0,
    )  # fmt: skip
    failed = row("pruned_0.4")
    failed.status, failed.reason = "failed", "parity: 9.1/255 is over the tolerance of 4/255"
    unchanged = row("unchanged_256", fid_shipped=0.0, kid_shipped=-0.00001, ssim=0.84)
    unchanged.role, unchanged.model, unchanged.runtime = "reference", "", ""
    unchanged.missing = {"flow_error_px": "the variant gives no flow"}
    oracle = row("oracle", ssim_garment=0.91)
    oracle.role, oracle.model = "oracle", ""
    oracle.missing = dict.fromkeys(("fid_shipped", "ssim", "psnr"), "shows the truth itself")
    for one in (dense, unchanged):
        one.missing |= dict.fromkeys(("fid", "kid"), "no Inception weights")
    return [dense, failed, oracle, unchanged]


def test_the_csv_has_the_contracts_columns_first(records: list[Record], tmp_path: Path) -> None:
    write_tables(records, tmp_path)
    columns = (tmp_path / "table.csv").read_text().splitlines()[0].split(",")
    contract = CONTRACT.split()
    assert columns[: len(contract)] == contract
    extras = ["pruning", "quantization_scope", "pair_list_hash", "features", "reason"]
    further = ["fid_shipped", "kid_shipped", "kid_shipped_std", "flow_error_px"]  # in order of appearance
    assert columns[len(contract) :] == extras + further


def test_the_csv_keeps_every_digit_and_leaves_what_was_not_measured_empty(
    records: list[Record], tmp_path: Path
) -> None:
    write_tables(records, tmp_path)
    frame = pd.read_csv(tmp_path / "table.csv").set_index("variant")
    assert frame.loc["dense_float32", "ssim"] == 0.1 + 0.2
    assert frame.loc["dense_float32", "pairs"] == 256
    assert pd.isna(frame.loc["dense_float32", "fid"])
    assert pd.isna(frame.loc["oracle", "ssim"])
    assert frame.loc["pruned_0.4", "status"] == "failed"
    assert frame.loc["pruned_0.4", "reason"] == records[1].reason
    lines = {line.split(",")[0]: line for line in (tmp_path / "table.csv").read_text().splitlines()}
    assert ",0,256,done," in lines["oracle"]  # whole numbers stay whole


def test_the_csv_shows_what_pruning_really_removed_where_a_record_has_it(records: list[Record]) -> None:
    assert "channels_removed" not in to_frame(records)
    records[0].values["macs_removed"] = 0.37
    records[1].details["pruning"] = {"channels_removed": 0.19, "network": {"channels": {"removed": 0.2}}}
    frame = to_frame(records).set_index("variant")
    assert frame.loc["dense_float32", "macs_removed"] == 0.37
    assert frame.loc["pruned_0.4", "channels_removed"] == 0.19
    assert pd.isna(frame.loc["dense_float32", "channels_removed"])


def test_references_and_oracle_come_first(records: list[Record]) -> None:
    assert [one.variant for one in in_order(records)] == ["unchanged_256", "oracle", "dense_float32", "pruned_0.4"]
    assert list(to_frame(records)["variant"]) == [one.variant for one in in_order(records)]


def test_a_table_is_readable(records: list[Record]) -> None:
    (table,) = to_tables(records)
    assert table.headers == [
        "variant", "GMACs", "params (M)", "size (MiB)", "FID (shipped features)", "KID (shipped features)", "SSIM",
        "PSNR (dB)", "garment SSIM", "garment L1", "flow error (px)", "p50 (ms)", "FPS", "speedup (×)",
    ]  # fmt: skip
    assert [cells[0] for cells in table.rows] == [
        "unchanged_256 (reference)",
        "oracle",
        "dense_float32",
        "pruned_0.4 (failed)",
    ]
    numbers = "1.49 5.07 19.4 3.21 0.0021_±_0.0003 0.300 25.3 0.791 0.041 1.31 27.4 36.4 1.00"
    assert table.rows[2][1:] == [cell.replace("_", " ") for cell in numbers.split()]
    assert table.rows[0][5] == "0.0000"  # no minus zero
    assert set(table.rows[3][1:]) == {"–"}


def test_captions_say_what_the_numbers_are(records: list[Record]) -> None:
    (table,) = to_tables(records)
    text = "\n".join(table.captions)
    assert "generated pictures 128x96, 256 pairs (list 0123abcd)" in text
    assert "FID: features = shipped (weights ab12, resizing: none)" in text
    assert "pf_afn_small: small network trained on generated data." in text
    assert "1 MAC = 2 FLOPs" in text
    assert "on Some CPU, 2 threads (avx2); openvino 2026.4.1 in f32." in text


def test_notes_say_what_is_missing_once_and_what_failed(records: list[Record]) -> None:
    (table,) = to_tables(records)
    assert table.notes == [
        "FID never stands alone: the person returned unchanged wins it.",
        "KID: mean over subsets, ± the standard deviation of their values.",
        "pruned_0.4 failed: parity: 9.1/255 is over the tolerance of 4/255",
        "No FID (Inception), KID (Inception) of unchanged_256, dense_float32: no Inception weights.",
        "No flow error (px) of unchanged_256: the variant gives no flow.",
        "No FID (shipped features), SSIM, PSNR (dB) of oracle: shows the truth itself.",
    ]


def test_the_warning_of_fid_knows_the_row_it_warns_of() -> None:
    assert "unchanged" in [reference.name for reference in REFERENCES]


def test_random_weights_are_said_in_the_row() -> None:
    random = row("dense", gmacs=22.0)
    random.trust["weights"] = "random, seed 0"
    (table,) = to_tables([random])
    assert table.rows == [["dense (random weights)", "22.00"]]


@pytest.mark.parametrize("change", [{"pair_list_hash": "ffff"}, {"metrics": {"fid": FID | {"fid_weights": "other"}}}])
def test_two_protocols_are_two_tables(records: list[Record], change: dict[str, object], tmp_path: Path) -> None:
    other = row("other", fid_shipped=1.0)
    other.trust |= change
    first, second = to_tables([*records, other])
    assert [cells[0] for cells in second.rows] == ["other"]
    assert len(first.rows) == 4
    write_tables([*records, other], tmp_path)
    assert (tmp_path / "table.md").read_text().count("### Protocol") == 2
    assert (tmp_path / "table.tex").read_text().count(r"\begin{table}") == 2


def test_markdown_has_a_cell_for_each_column(records: list[Record]) -> None:
    records[1].reason = "a|b <c> *d*"
    (table,) = to_tables(records)
    lines = to_markdown(table).splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 2 + len(records)
    assert {line.count("|") for line in rows} == {len(table.headers) + 1}
    assert r"- pruned_0.4 failed: a\|b \<c\> \*d\*" in lines


def test_latex_is_escaped_and_has_a_cell_for_each_column(records: list[Record]) -> None:
    records[1].reason = r"50% of $x_1 & {y} # \z ~ ^"
    (table,) = to_tables(records)
    text = to_latex(table)
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")].splitlines()[1:]
    assert len(body) == len(records)
    assert {line.count(" & ") for line in body} == {len(table.columns)}
    assert r"dense\_float32 & 1.49" in text
    assert r"0.0021 $\pm$ 0.0003" in text
    assert r"50\% of \$x\_1 \& \{y\} \# \textbackslash{}z \textasciitilde{} \textasciicircum{}" in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_no_records_make_no_table(tmp_path: Path) -> None:
    assert to_tables([]) == []
    write_tables([], tmp_path)
    assert (tmp_path / "table.csv").read_text().startswith("variant,role,")


def tabulate(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    script = record.ROOT / "experiments" / "tabulate.py"
    environment = {"PYTHONPATH": str(record.ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, cwd=cwd, env=environment
    )


def test_the_command_renders_an_experiment_again(records: list[Record], tmp_path: Path) -> None:
    for index, one in enumerate(records):
        one.order = index
        record.write(one, tmp_path / "results" / "mine")
    done = tabulate("experiment=mine", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "dense_float32" in done.stdout
    written = {path.name for path in (tmp_path / "results" / "mine").iterdir()}
    assert written == {"records", "table.csv", "table.md", "table.tex", "report.html", "figures"}
    assert [path.name for path in tmp_path.iterdir()] == ["results"]  # Hydra left nothing behind
    wrong = tabulate("experiment=yours", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "error: results/yours has no records: run its experiment first, or choose another (mine)\n"


def test_a_row_whose_fid_improves_while_its_garment_gets_worse_is_flagged(records: list[Record]) -> None:
    worse = row("pruned_0.2", fid_shipped=3.1, ssim_garment=0.7, l1_garment=0.05)
    better = row("tuned", fid_shipped=3.0, ssim_garment=0.8, l1_garment=0.04)
    records[3].values["ssim_garment"] = 0.26
    [table] = to_tables([*records, worse, better])
    flags = [note for note in table.notes if note.startswith("Flagged")]
    assert flags == [
        "Flagged: FID (shipped features) of unchanged_256 is better than dense_float32's (0.00, not 3.21), and its "
        "garment SSIM is worse (0.260, not 0.791): go by the garment.",
        "Flagged: FID (shipped features) of pruned_0.2 is better than dense_float32's (3.10, not 3.21), and its "
        "garment SSIM is worse (0.700, not 0.791): go by the garment.",
    ]
    assert [row[0] for row in table.rows if FLAG in row[0]] == ["unchanged_256 (reference) ⚑", "pruned_0.2 ⚑"]
    assert "⚑" not in to_latex(table)
    page = to_sortable(table, [])
    assert [one.label for one in page.rows] == [row[0] for row in table.rows]
    assert {*flags} <= {*page.notes}
