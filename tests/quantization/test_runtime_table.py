"""docs/quantization.md says which mode runs where, as the modes do, and which pairs results/quantization_modes has."""

from __future__ import annotations

import importlib

import pytest

from tests.conftest import ROOT
from tests.quantization.conftest import CONF, options
from tests.quantization.measured import frame

MODES = sorted(path.stem for path in (CONF / "quantization").glob("*.yaml"))
RUNTIMES = ("openvino", "onnxruntime", "torch_compile", "torch")
BEGIN, END = "<!-- runtimes -->\n", "<!-- /runtimes -->"


def runtimes(mode: str) -> frozenset[str]:
    """Of the class, which is there without its toolkit."""
    module, _, name = options(mode)["_target_"].rpartition(".")
    found: frozenset[str] = getattr(importlib.import_module(module), name).runtimes
    return found


def table() -> str:
    rows = [["mode", *RUNTIMES], ["---", *[":-:"] * len(RUNTIMES)]]
    measured = {*zip(frame().quantization, frame().runtime, strict=True)}
    for mode in MODES:
        cells = {runtime: "measured" if (mode, runtime) in measured else "runs" for runtime in runtimes(mode)}
        rows.append([f"`{mode}`", *(cells.get(runtime, "–") for runtime in RUNTIMES)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_runs_somewhere_known(mode: str) -> None:
    assert runtimes(mode)
    assert runtimes(mode) <= set(RUNTIMES)


def test_the_document_has_this_table() -> None:
    text = (ROOT / "docs" / "quantization.md").read_text()
    shown = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert shown == table(), f"put this between the marks in docs/quantization.md:\n{table()}"
