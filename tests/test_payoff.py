"""A variant that is smaller and not faster is told of."""

from __future__ import annotations

from vtoncompress.payoff import smaller_not_faster
from vtoncompress.record import Record


def _row(name: str, size_mib: float, speedup: float, **choices: str) -> Record:
    told = {"model": "toy", "runtime": "openvino", "pruning": "none", "quantization": "none", **choices}
    return Record(name, values={"size_mib": size_mib, "speedup": speedup}, **told)  # type: ignore[arg-type]


def test_smaller_rows_are_held_against_the_dense_row_of_their_runtime() -> None:
    rows = [
        _row("dense", 10, 2.0),
        _row("pays", 5, 2.5, pruning="one_shot"),
        _row("slow", 5, 1.9, pruning="one_shot"),
        _row("large", 11, 1.0, quantization="nncf_ptq"),
        _row("elsewhere", 5, 1.0, quantization="nncf_ptq", runtime="onnxruntime"),
        Record("failed", status="failed"),
    ]
    assert smaller_not_faster(rows) == ["Smaller and not faster than dense (2.00×): slow (1.90×)."]
