"""Where the time goes, by the runtime's own counters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.metric.test_speed import Recorder, subject
from vtoncompress.export.base import LayerTime, Tensors
from vtoncompress.metric.bounds import Rates, add_up, module_of
from vtoncompress.metric.profile import Profile, by_part, describe
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.profile_file import SLOWEST, move_out
from vtoncompress.record import Record

LAYERS = [
    LayerTime(
        "__module.warp.image_features.encoders.0/aten::conv", "Convolution", "brgconv", 3.0, "u8", 600_000_000, 4
    ),
    LayerTime("__module.generator.model.model.0/aten::conv", "Convolution", "brgconv", 4.0, "f32", 300_000_000, 8),
    LayerTime("__module.warp.aflow_net.correlation/aten::matmul", "MatMul", "brgemm", 1.5, "bf16", 5, 6),
    LayerTime("Reorder_17", "Reorder", "jit", 0.25, "f32", 0, 2_000_000),
]


class Counting(Recorder):
    def profile(self, inputs: Tensors, repetitions: int) -> list[LayerTime]:
        assert (sorted(inputs), repetitions) == (["garment", "garment_mask", "person"], 2)
        return LAYERS

    def rates(self) -> dict[str, float]:
        return {"f32": 100.0, "u8": 400.0}


def test_layers_are_added_up_by_part_and_kind() -> None:
    assert by_part(LAYERS, PFAFN(1 / 32, (64, 64))) == {"warp": 4.5, "generator": 4.0, "other": 0.25}
    counted = replace(subject([], 1), model=PFAFN(1 / 32, (128, 96)), runtime=Counting("variant"))
    found = Profile(2).measure(counted)
    assert {name: found.values[f"profile_{name}_ms"] for name in ("warp", "generator", "other")} == {
        "warp": 4.5, "generator": 4.0, "other": 0.25,
    }  # fmt: skip
    assert found.values.keys() | found.missing.keys() == set(Profile.columns)
    assert {*found.missing} == {"profile_unet_ms", "profile_vae_ms"}
    assert {line["name"]: line["ms"] for line in found.details["by_kind"]} == {
        "Convolution brgconv": 7.0, "MatMul brgemm": 1.5, "Reorder jit": 0.25,
    }  # fmt: skip
    assert [line["ms"] for line in found.details["layers"]] == [4.0, 3.0, 1.5, 0.25]
    assert found.details["rates"]["gigabytes_per_s"] > 0


def test_a_layer_is_bound_by_what_takes_longer() -> None:
    rates = Rates({"f32": 100.0, "u8": 400.0}, 10.0)
    bounds = [rates.bound(layer) for layer in LAYERS]
    assert bounds == [("arithmetic", 1.5), ("arithmetic", 3.0), ("arithmetic", None), ("memory", 0.2)]
    assert [module_of(layer) for layer in LAYERS] == [
        "warp.image_features.encoders", "generator.model.model", "warp.aflow_net.correlation", "other",
    ]  # fmt: skip
    (whole,) = add_up((("all", layer) for layer in LAYERS), rates)
    assert (whole["ms"], whole["floor_ms"], whole["bound"]) == (8.75, 4.7, "arithmetic")
    assert whole["gmacs_per_s"] == pytest.approx(0.9 / 8.75e-3, abs=0.1)


def test_files_of_their_own_hold_every_layer_and_the_record_the_slowest(tmp_path: Path) -> None:
    rates = Rates({"f32": 100.0, "u8": 400.0}, 10.0)
    layers = [replace(LAYERS[3], name=f"Reorder_{number}") for number in range(SLOWEST + 5)]
    record = Record("int8", values={"latency_ms_p50": 12.0}, details={"profile": describe(layers, {}, rates)})
    move_out(record, tmp_path)
    assert len(json.loads((tmp_path / "profiles" / "int8.json").read_text())["layers"]) == SLOWEST + 5
    assert len(record.details["profile"]["slowest"]) == SLOWEST
    page = (tmp_path / "profiles" / "int8.md").read_text()
    assert "whole call p50 12.0 ms" in page
    assert "| Reorder jit | 7.50 | 6.00 | memory |" in page
    move_out(record, tmp_path)  # nothing is left to be moved
    move_out(Record("unprofiled"), tmp_path)
    assert len(list((tmp_path / "profiles").iterdir())) == 2


def test_a_runtime_that_counts_nothing_is_a_reason_and_no_repetitions_a_mistake() -> None:
    found = Profile(2).measure(subject([], 1))
    assert set(found.missing) == set(Profile.columns)
    with pytest.raises(ValueError, match="repetitions=0"):
        Profile(0)
