"""A variant that is smaller and not faster is told of."""

from __future__ import annotations

from vtoncompress.payoff import slow_variants, smaller_not_faster
from vtoncompress.record import Record
from vtoncompress.table import FLAG, to_tables


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
    assert slow_variants(rows) == {"slow"}
    (shown,) = to_tables(rows)
    assert [FLAG in row[0] for row in shown.rows] == [row[0].startswith("slow") for row in shown.rows]


def test_rows_in_low_precision_are_held_against_the_unpruned_row_of_their_mode() -> None:
    rows = [
        _row("dense", 10, 2.0),
        _row("int8", 4, 4.0, quantization="nncf_ptq"),
        _row("pruned_int8", 2, 3.9, pruning="one_shot", quantization="nncf_ptq"),
        _row("pruned_int4", 2, 3.9, pruning="one_shot", quantization="weight_int4"),
        _row("streams", 2, 3.0, pruning="one_shot", quantization="nncf_ptq"),
    ]
    rows[-1].trust["runtime"] = {"performance": "throughput"}  # of one call, while others might be computed beside it
    assert smaller_not_faster(rows) == ["Smaller and not faster than int8 (4.00×): pruned_int8 (3.90×)."]
