"""The best rows, in words that agree with the numbers."""

from __future__ import annotations

import pytest

from vtoncompress.record import Record
from vtoncompress.summary import captions, find_dense, summarise


def row(name: str, quantization: str = "nncf_ptq", **values: float) -> Record:
    choices = {"protocol": "generated", "pruning": "none", "quantization": quantization, "runtime": "openvino"}
    return Record(name, values=values, **choices)  # type: ignore[arg-type]


def dense(**values: float) -> Record:
    measured = {"ssim_garment": 0.683, "size_mib": 19.4, "latency_ms_p50": 27.0, "speedup": 1.0} | values
    one = row("dense", "none", **measured)
    one.runtime = "torch"
    return one


def test_three_winners_are_three_sentences() -> None:
    lines = summarise(
        [
            row("fast", ssim_garment=0.64, size_mib=8.0, latency_ms_p50=5.0, speedup=5.4),
            row("small", ssim_garment=0.65, size_mib=4.0, latency_ms_p50=8.0, speedup=3.375),
            dense(),
            row("good", ssim_garment=0.671, size_mib=9.0, latency_ms_p50=8.1, speedup=3.4),
            row("tiny_but_bad", ssim_garment=0.3, size_mib=1.0, latency_ms_p50=1.0, speedup=27.0),
        ]
    )
    assert lines == [
        "Fastest and smallest of the rows with a garment SSIM at most 0.05 below the 0.683 of dense float32 (dense):",
        "fast: 5.4x faster than dense float32 in eager PyTorch (5.0 ms a picture), 2.4x smaller (8.0 MiB), garment "
        "SSIM 0.640 (0.043 less). The fastest.",
        "small: 3.4x faster than dense float32 in eager PyTorch (8.0 ms a picture), 4.8x smaller (4.0 MiB), garment "
        "SSIM 0.650 (0.033 less). The smallest.",
        "good: 3.4x faster than dense float32 in eager PyTorch (8.1 ms a picture), 2.2x smaller (9.0 MiB), garment "
        "SSIM 0.671 (0.012 less). The best garment SSIM of what is compressed.",
    ]


def test_one_winner_leaves_room_for_runners_up() -> None:
    lines = summarise(
        [
            dense(),
            row("all", ssim_garment=0.70, size_mib=4.0, latency_ms_p50=5.0, speedup=5.4),
            row("second", ssim_garment=0.71, size_mib=20.0, latency_ms_p50=30.0, speedup=0.9),
            row("third", ssim_garment=0.705, size_mib=5.0, latency_ms_p50=27.0, speedup=1.0),
            row("beaten", ssim_garment=0.70, size_mib=4.0, latency_ms_p50=4.9, speedup=5.3),
        ]
    )
    assert [line.partition(":")[0] for line in lines[1:-1]] == ["all", "second", "third"]
    assert lines[1].endswith("garment SSIM 0.700 (0.017 more). The fastest and the smallest.")
    assert "1.1x slower than dense" in lines[2]
    assert lines[2].endswith("The best garment SSIM of what is compressed.")
    assert lines[3].startswith("third: as fast as dense float32")
    assert lines[3].endswith(
        "The second fastest and the second smallest and the second best garment SSIM of what is compressed."
    )
    assert lines[4] == "Not named are rows that another one beats in quality, time and size at once."


def test_a_row_that_was_disturbed_while_timed_is_not_ranked_by_time() -> None:
    lucky = row("lucky", ssim_garment=0.66, size_mib=4.0, latency_ms_p50=1.0, speedup=27.0)
    lucky.details["speed"] = {"baseline_latency_ms": [27.0] * 8, "latency_ms": [1.0, 9.0] * 4}
    lines = summarise([dense(), lucky, row("calm", ssim_garment=0.67, size_mib=6.0, latency_ms_p50=9.0, speedup=3.0)])
    assert lines[1].startswith("calm: 3.0x faster")
    assert lines[1].endswith("The fastest and the best garment SSIM of what is compressed.")
    assert "(1.0 ms a picture, disturbed)" in lines[2]
    assert "fastest" not in lines[2]
    assert lines[3] == "Not ranked by time, because disturbed while timed: lucky."


def test_random_weights_are_told_by_their_cost_alone() -> None:
    rows = [dense(size_mib=20.0), row("int8", ssim_garment=0.68, size_mib=5.0)]
    rows[0].trust["weights"] = "random, seed 0"
    assert summarise(rows) == [
        "Random weights: cost only, what follows says nothing about quality.",
        "int8: time not measured, 4.0x smaller (5.0 MiB). The smallest.",
    ]


def test_nothing_within_the_budget_is_said_and_the_best_is_shown() -> None:
    lines = summarise([dense(), row("bad", ssim_garment=0.5), row("worse", ssim_garment=0.4)])
    assert lines[0] == "No other row has a garment SSIM at most 0.05 below the 0.683 of dense float32 (dense)."
    best = "The best garment SSIM of what is compressed."
    assert lines[1] == f"bad: time not measured, garment SSIM 0.500 (0.183 less). {best}"
    assert lines[2] == "Not named are rows that another one beats in quality, time and size at once."
    assert len(lines) == 3


def test_failed_rows_and_references_never_win() -> None:
    failed = row("failed")
    failed.status, failed.reason = "failed", "no memory"
    pasted = row("pasted", ssim_garment=0.9, size_mib=0.1, latency_ms_p50=0.1)
    pasted.role = "reference"
    lines = summarise([pasted, dense(), failed, row("good", ssim_garment=0.67, size_mib=8.0)])
    assert [line.partition(":")[0] for line in lines[1:]] == ["good", "1 of 3 variants failed"]


def test_the_dense_network_trained_further_is_neither_the_measure_nor_a_winner() -> None:
    control = dense(ssim_garment=0.70, latency_ms_p50=20.0, size_mib=19.0)
    control.variant, control.finetuning = "dense_tuned", "supervised"
    averaged = dense(ssim_garment=0.70, size_mib=19.0)
    averaged.variant, averaged.trust = "dense_batch_norm", {"config": {"finetuning": {"batch_norm_pairs": 8}}}
    plain = dense()
    plain.runtime = "openvino"  # while the control runs in eager PyTorch
    rows = [control, averaged, plain, row("good", ssim_garment=0.67, size_mib=8.0)]
    assert find_dense(rows) is plain
    assert [line.partition(":")[0] for line in summarise(rows)[1:]] == ["good"]


@pytest.mark.parametrize("finetuning", ["guidance", "consistency"])
def test_steps_that_were_trained_away_are_a_result_and_not_the_measure(finetuning: str) -> None:
    student, plain = dense(ssim_garment=0.68, latency_ms_p50=4.0, speedup=6.0), dense()
    student.variant, student.finetuning, student.runtime, plain.runtime = "student", finetuning, "torch", "openvino"
    rows = [student, plain, row("good", ssim_garment=0.67, size_mib=8.0)]
    assert find_dense(rows) is plain
    assert [line.partition(":")[0] for line in summarise(rows)[1:]] == ["student", "good"]


def test_an_image_that_was_added_up_ranks_where_no_call_was_timed() -> None:
    rows = [
        row("float32", "none", size_mib=40.0, image_s=1100.0, image_speedup=1.0),
        row("slow", size_mib=12.0, image_s=300.0, image_speedup=3.667),
        row("fast", size_mib=14.0, image_s=50.0, image_speedup=22.0),
    ]
    assert summarise(rows)[1:] == [
        "fast: 22.0x faster than dense float32 in eager PyTorch (50.00 s a picture), 2.9x smaller (14.0 MiB). The "
        "fastest.",
        "slow: 3.7x faster than dense float32 in eager PyTorch (300.00 s a picture), 3.3x smaller (12.0 MiB). The "
        "smallest.",
    ]


def test_times_of_a_model_in_steps_name_the_steps_that_they_are_held_against() -> None:
    baseline = {"sampler": "DDIM", "steps": 50, "guidance": 2.5}
    runtime = {"version": "2026.1-x", "execution_precision": "bf16", "threads": 2}
    one = row("fast", latency_ms_p50=5.0, speedup=20.0, step_ms_p50=2.0, image_s=0.005)
    one.trust = {"cpu": "this processor", "instruction_set": ["amx_bf16"]}
    one.details = {
        "speed": {"runtime": runtime, "baseline_runtime": {"sampling": baseline}},
        "steps": {"runtime": runtime, "baseline_steps": 40, "baseline_sampling": {**baseline, "guidance": 1}},
    }
    where = "this processor, 2 threads (amx_bf16); openvino 2026.1 in bf16"
    assert captions([one], {"latency_ms_p50", "image_s"}) == [
        f"Time: the whole try-on call, batch 1, on {where}. Speedup: against the dense float32 network in eager "
        "PyTorch with 50 guided steps of DDIM, timed in turns.",
        f"Step and image: batch 1, on {where}. Image = steps x step + autoencoder; its speedup: against 40 steps of "
        "DDIM of the dense float32 network in eager PyTorch.",
    ]


def test_a_budget_that_was_not_met_or_not_judged_well_is_told() -> None:
    trials = {"met": (True, False), "broken": (False, False), "few": (True, True), "plain": None}
    records = [dense(), *(row(name, ssim_garment=0.6) for name in trials)]
    for record, told in zip(records[1:], trials.values(), strict=True):
        if told is not None:
            judged = {"pairs": 64, "fid_dimension": 64, "fid_rank_deficient": told[1]}
            record.details["quantization"] = {"budget_met": told[0], "judged_by": judged}
    lines = summarise(records)
    assert [line for line in lines if "budget" in line or "judged" in line] == [
        "broken: no trial of its quantization met its budget; the best of them was kept.",
        "few: FID was judged on 64 pairs, too few for 64 features: set validation_pairs to more than 64.",
    ]


def test_rows_without_quality_are_not_praised_for_it() -> None:
    one = dense(size_mib=20.0)
    del one.values["ssim_garment"]
    lines = summarise([one, row("int8", size_mib=5.0, latency_ms_p50=9.0, speedup=3.0)])
    assert lines == [
        "Garment SSIM was not measured: cost only, what follows says nothing about quality.",
        "int8: 3.0x faster than dense float32 in eager PyTorch (9.0 ms a picture), 4.0x smaller (5.0 MiB). The fastest "
        "and the smallest.",
    ]


def test_little_to_compare_is_said() -> None:
    assert summarise([]) == []
    assert summarise([dense()]) == ["Nothing but the dense float32 network was measured."]
    assert summarise([row("int8", ssim_garment=0.5)]) == [
        "No dense float32 network was measured: there is nothing to compare with."
    ]


def test_dense_is_the_eager_one_and_never_pruned_or_quantized() -> None:
    onnx, eager, pruned = row("onnx", "none"), dense(), row("pruned", "none")
    pruned.pruning, pruned.pruning_ratio, pruned.runtime = "one_shot", 0.2, "torch"
    assert find_dense([onnx, pruned, eager, row("int8")]) is eager
    assert find_dense([pruned, onnx]) is onnx
    assert find_dense([pruned]) is None


def test_protocols_are_never_compared() -> None:
    other = row("other", ssim_garment=0.99, size_mib=1.0)
    other.protocol = "pf_afn_viton"
    lines = summarise([dense(), row("int8", ssim_garment=0.67), other])
    assert lines[0] == "Protocol generated:"
    assert lines[-2:] == [
        "Protocol pf_afn_viton:",
        "No dense float32 network was measured: there is nothing to compare with.",
    ]
    assert not any("other:" in line for line in lines)
