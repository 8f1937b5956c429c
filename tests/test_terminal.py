"""Tables in a terminal and in a pipe: every number whole, whatever the width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from vtoncompress.record import Record
from vtoncompress.terminal import print_table


def row(name: str, **values: float) -> Record:
    return Record(name, model="pf_afn_small", protocol="generated", runtime="openvino", pairs=256, values=values)


@pytest.fixture
def records() -> list[Record]:
    """As many columns as a table ever has."""
    dense = row(
        "dense_float32", gmacs=1.494, params_m=5.07, size_mib=19.44, fid_shipped=3.2145, kid_shipped=0.0021,
        kid_shipped_std=0.0003, ssim=0.3, psnr=25.31, ssim_garment=0.7912, l1_garment=0.0412, flow_error_px=1.314,
        latency_ms_p50=27.44, fps=36.4, speedup=1.0,
    )  # fmt: skip
    return [dense, row("pruned_0.2_finetuned_distillation_nncf_ptq_openvino", ssim_garment=0.7, speedup=3.38)]


@pytest.mark.parametrize("width, hidden", [(120, False), (80, True)])
def test_a_terminal_shows_whole_numbers(records: list[Record], width: int, hidden: bool) -> None:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, highlight=False)
    print_table(records, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    dense = next(line.split() for line in lines if line.startswith("dense_float32"))
    assert (("flow" not in text.partition("Protocol generated:")[0]), ("More columns" in text)) == (hidden, hidden)
    assert {"0.791", "27.4", "1.00"} <= set(dense)
    assert "…" not in text


def test_a_pipe_gets_wide_plain_lines(records: list[Record], capsys: pytest.CaptureFixture[str]) -> None:
    print_table(records)
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert any(line.startswith("pruned_0.2_finetuned_distillation_nncf_ptq_openvino  ") for line in text.splitlines())
