"""Where the time goes, by the runtime's own counters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.metric.test_speed import Recorder, subject
from vtoncompress.export.base import LayerTime, Tensors
from vtoncompress.metric.profile import Profile, by_part
from vtoncompress.model.pf_afn import PFAFN

LAYERS = [
    LayerTime("__module.warp.image_features.encoders.0/aten::conv", "Convolution", "brgconv", 3.0),
    LayerTime("__module.generator.model.model.0/aten::conv", "Convolution", "brgconv", 4.0),
    LayerTime("__module.warp.aflow_net.correlation/aten::matmul", "MatMul", "brgemm", 1.5),
    LayerTime("Reorder_17", "Reorder", "jit", 0.25),
]


class Counting(Recorder):
    def profile(self, inputs: Tensors, repetitions: int) -> list[LayerTime]:
        assert (sorted(inputs), repetitions) == (["garment", "garment_mask", "person"], 2)
        return LAYERS


def test_layers_are_added_up_by_part_and_kind() -> None:
    assert by_part(LAYERS, PFAFN(1 / 32, (64, 64))) == {"warp": 4.5, "generator": 4.0, "other": 0.25}
    counted = replace(subject([], 1), model=PFAFN(1 / 32, (128, 96)), runtime=Counting("variant"))
    found = Profile(2).measure(counted)
    assert {name: found.values[f"profile_{name}_ms"] for name in ("warp", "generator", "other")} == {
        "warp": 4.5, "generator": 4.0, "other": 0.25,
    }  # fmt: skip
    assert found.values.keys() | found.missing.keys() == set(Profile.columns)
    assert {*found.missing} == {"profile_unet_ms", "profile_vae_ms"}
    assert found.details["by_kind_ms"] == {"Convolution brgconv": 7.0, "MatMul brgemm": 1.5, "Reorder jit": 0.25}
    assert list(found.details["slowest_ms"].values()) == [4.0, 3.0, 1.5, 0.25]


def test_a_runtime_that_counts_nothing_is_a_reason_and_no_repetitions_a_mistake() -> None:
    found = Profile(2).measure(subject([], 1))
    assert set(found.missing) == set(Profile.columns)
    with pytest.raises(ValueError, match="repetitions=0"):
        Profile(0)
