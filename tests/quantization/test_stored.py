"""The modes that need no calibration: float16, bfloat16, weight_int8, weight_int4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.export.conftest import EXPORTERS, pictures
from tests.quantization.conftest import configured
from tests.reopen import Reopener
from vtoncompress import checkpoint
from vtoncompress.export.openvino import open_runtime
from vtoncompress.export.parity import check_parity
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.model.bfloat16_convolution import BFloat16Conv2d
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d
from vtoncompress.quantization.base import Material

SIZES = {"float16": 0.52, "bfloat16": 0.52, "weight_int8": 0.30, "weight_int4": 0.25}


@pytest.mark.parametrize("mode", SIZES)
def test_smaller_and_within_its_gate(mode: str, model: PFAFN, tmp_path: Path, reopened: Reopener) -> None:
    quantization = configured(mode)
    made, told = quantization.prepare(model, Material())
    assert told["quantized_layers"] == len(
        [one for one in made.modules() if isinstance(one, WeightOnlyConv2d | BFloat16Conv2d)]
    )
    found = check_parity(model, TorchRuntime(made), pictures(3), quantization.tolerance)
    assert found["parity_mean"] > 0, "nothing was rounded"
    checkpoint.save(model, tmp_path / "float")
    checkpoint.save(made, tmp_path / "small")
    sizes = [(tmp_path / name / checkpoint.WEIGHTS).stat().st_size for name in ("small", "float")]
    assert sizes[0] < SIZES[mode] * sizes[1]
    [tensors] = pictures(1)
    np.testing.assert_array_equal(reopened(tmp_path / "small", tensors)["image"], TorchRuntime(made)(tensors)["image"])


def test_bfloat16_is_executed_and_coordinates_are_not(model: PFAFN, tmp_path: Path) -> None:
    made, _ = configured("bfloat16").prepare(model, Material())
    EXPORTERS["openvino"]().export(made, tmp_path)
    opened = open_runtime(tmp_path)
    described = opened.describe()
    assert described["stored_bytes"]["bf16"] > described["stored_bytes"]["f32"]
    if "BF16" in described["instruction_set"]:
        assert described["execution_precision"] == "bf16 and f32"
        assert described["executed_layers"]["bf16"] == len(
            [one for one in made.modules() if isinstance(one, BFloat16Conv2d)]
        )
    assert TorchRuntime(made).describe()["execution_precision"] == "bf16 and f32"
    assert check_parity(model, opened, pictures(3), configured("bfloat16").tolerance)


def test_weight_int8_is_nncfs_own_rounding(model: PFAFN, tmp_path: Path) -> None:
    """NNCF's weight compression of the exported graph gives the same pictures."""
    import nncf

    from vtoncompress.export.openvino_ir import read_ir, write_ir
    from vtoncompress.quantization.layers import float_nodes, quantized_layers
    from vtoncompress.quantization.nncf_options import quiet

    ours, _ = configured("weight_int8").prepare(model, Material())
    EXPORTERS["openvino"]().export(model, tmp_path / "float")
    graph = read_ir(tmp_path / "float")
    kinds = {node.get_friendly_name(): node.get_type_name() for node in graph.get_ops()}
    ignored = nncf.IgnoredScope(names=float_nodes(kinds, quantized_layers(model, ["warp", "generator"])))
    with quiet():
        graph = nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_SYM, ignored_scope=ignored)
    (tmp_path / "nncf").mkdir()
    write_ir(graph, tmp_path / "nncf")
    theirs = check_parity(model, open_runtime(tmp_path / "nncf"), pictures(2), 3)["parity_mean"]
    own = check_parity(model, TorchRuntime(ours), pictures(2), 3)["parity_mean"]
    assert own < 1.3 * theirs + 0.01
    assert theirs < 1.3 * own + 0.01


@pytest.mark.parametrize("mode", ["weight_int8", "weight_int4"])
def test_a_group_size_that_means_nothing(mode: str) -> None:
    with pytest.raises(Exception, match="group_size=-2: use 1 or more"):
        configured(mode, "quantization.group_size=-2")


@pytest.mark.parametrize("mode", SIZES)
def test_layers_that_do_not_fit_are_told_before_any_work(mode: str, model: PFAFN) -> None:
    with pytest.raises(ValueError, match=r"the network has no warp\.nothing"):
        configured(mode, "quantization.float_layers=[warp.nothing]").check(model)


def test_bfloat16_does_not_run_in_onnxruntime() -> None:
    assert configured("bfloat16").runtimes == {"torch", "torch_compile", "openvino"}
