"""docs/quantization.md and the notes beside the modes show what results/quantization_modes measured, nothing else."""

from __future__ import annotations

import pandas as pd
import pytest

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


def measured() -> pd.DataFrame:
    rows = pd.read_csv(ROOT / "results" / "quantization_modes" / "table.csv")
    return rows[rows.role == "variant"]


def table() -> str:
    rows = measured()
    lines = [[*COLUMNS.values()], ["---", "---", *["---:"] * len(DIGITS)]]
    for _, row in rows.iterrows():
        figures = [f"{row[name]:.{digits}f}" if pd.notna(row[name]) else "–" for name, digits in DIGITS.items()]
        lines.append([f"`{row.variant}`", str(row.runtime), *figures])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_the_document_has_this_table() -> None:
    text = (ROOT / "docs" / "quantization.md").read_text()
    shown = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert shown == table(), f"put this between the marks in docs/quantization.md:\n{table()}"


def note(mode: str) -> str:
    """Of the first row on each runtime, against float32 on the same; shares of time are ratios of two speedups."""
    rows, told = measured(), []
    rows = rows[rows.pruning_ratio > 0]
    for runtime, of_mode in rows[rows.quantization == mode].groupby("runtime", sort=True):
        row = of_mode.iloc[0]
        float32 = rows[(rows.quantization == "none") & (rows.runtime == runtime)].iloc[0]
        told.append(
            f"{runtime} {row.size_mib:.1f} MiB of {float32.size_mib:.1f}, {float32.speedup / row.speedup:.2f} of the "
            f"time, garment SSIM {row.ssim_garment:.3f} of {float32.ssim_garment:.3f}"
        )
    return f"Measured (results/quantization_modes): {'; '.join(told)}."


@pytest.mark.parametrize("mode", sorted(set(measured().quantization) - {"none"}))
def test_the_note_of_a_mode_has_its_figures(mode: str) -> None:
    text = (ROOT / "vtoncompress" / "quantization" / f"{mode}.py").read_text()
    assert note(mode) in " ".join(text.split('"""')[1].split())
