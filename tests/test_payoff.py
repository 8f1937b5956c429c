"""A variant that is smaller and not faster is told of."""

from __future__ import annotations

from dataclasses import replace

from vtoncompress.payoff import slow_variants, smaller_not_faster
from vtoncompress.record import Record
from vtoncompress.table import FLAG, to_tables


def _row(name: str, size_mib: float, speedup: float, network: str = "dense", **choices: str) -> Record:
    told = {"model": "toy", "runtime": "openvino", "pruning": "none", "quantization": "none", **choices}
    measured = {"size_mib": size_mib, "speedup": speedup}
    return Record(name, values=measured, stages=["model/1", f"finetuning/{network}"], **told)  # type: ignore[arg-type]


def test_smaller_rows_are_held_against_the_dense_row_of_their_runtime() -> None:
    rows = [
        _row("dense", 10, 2.0),
        _row("pays", 5, 2.5, pruning="one_shot"),
        _row("slow", 5, 1.9, pruning="one_shot"),
        _row("large", 11, 1.0, quantization="nncf_ptq"),
        _row("elsewhere", 5, 1.0, quantization="nncf_ptq", runtime="onnxruntime"),
        _row("of_more_steps", 5, 1.0, quantization="nncf_ptq", sampling="dpm_solver8"),
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


def test_quantized_rows_are_held_against_their_own_network_in_float32() -> None:
    """Also where no network that wasn't pruned runs there."""
    pruned = {"pruning": "iterative", "network": "tuned"}
    rows = [
        _row("float32", 5, 3.0, **pruned),
        _row("pays", 2, 3.5, quantization="nncf_ptq", **pruned),
        _row("slow", 2, 2.9, quantization="weight_int4", **pruned),
        _row("of_another", 2, 2.8, quantization="nncf_ptq", pruning="iterative", network="tuned_further"),
        _row("elsewhere", 2, 1.0, quantization="nncf_ptq", runtime="onnxruntime", **pruned),
    ]
    assert smaller_not_faster(rows) == ["Smaller and not faster than float32 (3.00×): slow (2.90×)."]
    assert smaller_not_faster([replace(row, stages=[]) for row in rows]) == []
