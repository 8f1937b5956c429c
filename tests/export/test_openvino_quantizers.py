"""Rounding before copying gives the numbers of rounding after it, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vtoncompress.export.openvino_ir import disable_telemetry
from vtoncompress.export.openvino_quantizers import move_ahead


def _graph(mode: str = "nearest", read_twice: bool = False) -> Any:
    """A convolution's result and a picture, put together, enlarged, and read by a quantized convolution."""
    disable_telemetry()
    import openvino
    from openvino import opset13 as ops

    def convolution(features: Any, outputs: int, inputs: int, low: float, high: float) -> Any:
        weight = np.random.default_rng(0).standard_normal((outputs, inputs, 3, 3), np.float32)
        most, bounds = np.float32(np.abs(weight).max()), (np.float32(low), np.float32(high))
        rounded = ops.fake_quantize(features, *bounds, *bounds, 256)
        weights = ops.fake_quantize(ops.constant(weight), -most, most, -most, most, 255)
        return ops.convolution(rounded, weights, [1, 1], [1, 1], [1, 1], [1, 1])

    first, second = (ops.parameter([1, 8, 6, 5], np.float32) for _ in range(2))
    both = ops.concat([ops.relu(convolution(first, 16, 8, -3, 3)), second], 1)
    larger = ops.interpolate(
        both, np.array([2, 2], np.float32), mode, "scales", axes=np.array([2, 3], np.int64),
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
    results = [ops.result(convolution(larger, 16, 24, -5, 8))] + ([ops.result(larger)] if read_twice else [])
    return openvino.Model(results, [first, second])


def _run(graph: Any) -> np.ndarray:
    import openvino

    rng = np.random.default_rng(1)
    pictures = [rng.standard_normal((1, 8, 6, 5), np.float32) for _ in range(2)]
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    return np.array(openvino.Core().compile_model(graph, "CPU", settings)(pictures)[0])


def test_quantizers_move_ahead_of_what_copies_and_change_nothing() -> None:
    graph = _graph()
    expected = _run(graph.clone())
    assert move_ahead(graph) == 2
    readers = {
        reader.get_node().get_type_name()
        for node in graph.get_ops()
        if node.get_type_name() == "FakeQuantize"
        for reader in node.output(0).get_target_inputs()
    }
    assert readers == {"Concat", "Convolution"}  # the first convolution's input, and all weights
    larger = next(node for node in graph.get_ops() if node.get_type_name() == "Interpolate")
    assert larger.input_value(0).get_node().get_type_name() == "Concat"
    assert [one.get_node().get_type_name() for one in larger.output(0).get_target_inputs()] == ["Convolution"]
    np.testing.assert_array_equal(_run(graph), expected)
    assert move_ahead(graph) == 0


@pytest.mark.parametrize("options", [{"mode": "linear"}, {"read_twice": True}])
def test_they_stay_where_other_numbers_would_come_out(options: dict[str, Any]) -> None:
    assert move_ahead(_graph(**options)) == 0
