"""docs/quantization.md shows what results/quantization_modes measured, and nothing else."""

from __future__ import annotations

import pandas as pd

from tests.conftest import ROOT

BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->"
COLUMNS = {
    "variant": "row", "runtime": "runtime", "size_mib": "size (MiB)", "ssim_garment": "garment SSIM", "ssim": "SSIM",
    "fid_shipped": "FID (shipped features)", "flow_error_px": "flow error (px)", "latency_ms_p50": "p50 (ms)",
    "speedup": "speedup (×)",
}  # fmt: skip
DIGITS = {
    "size_mib": 1, "ssim_garment": 3, "ssim": 3, "fid_shipped": 2, "flow_error_px": 2, "latency_ms_p50": 1, "speedup": 2
}  # fmt: skip


def table() -> str:
    rows = pd.read_csv(ROOT / "results" / "quantization_modes" / "table.csv")
    rows = rows[rows.role == "variant"]
    lines = [[*COLUMNS.values()], ["---", "---", *["---:"] * len(DIGITS)]]
    for _, row in rows.iterrows():
        figures = [f"{row[name]:.{digits}f}" if pd.notna(row[name]) else "–" for name, digits in DIGITS.items()]
        lines.append([f"`{row.variant}`", str(row.runtime), *figures])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_the_document_has_this_table() -> None:
    text = (ROOT / "docs" / "quantization.md").read_text()
    shown = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert shown == table(), f"put this between the marks in docs/quantization.md:\n{table()}"
