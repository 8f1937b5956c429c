"""One convolution alone, in OpenVINO, as a network here has it: how long it takes at some width on this machine."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from vtoncompress.export.openvino_ir import EXECUTION_PRECISION, disable_telemetry
from vtoncompress.latency.geometry import PRECISIONS, Geometry

if TYPE_CHECKING:
    import openvino

NAME = "timed"
SCRUB = 16_000_000
"""Numbers that are written between two calls, 64 MB: in a network a layer's weights have left the caches, too."""
LARGE = ((1, 1024, 32), (1, 2048, 16), (3, 256, 64))
"""Kernel, channels and side of convolutions that come near to what the processor can do."""


def convolution_ms(
    geometry: Geometry, inputs: int, outputs: int, precision: str, threads: int, repetitions: int, scrub: bool = True
) -> float:
    """The median by OpenVINO's own counters, with a ReLU and, in INT8, with the rounding of its result.

    Args:
        geometry: of the convolution.
        inputs, outputs: channels.
        precision: one of :data:`vtoncompress.latency.geometry.PRECISIONS`.
        threads: of the runtime.
        repetitions: calls that count, at least 1, after one that doesn't.
        scrub: whether its weights have to come from memory each time.
    """
    assert precision in PRECISIONS, precision
    disable_telemetry()
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": EXECUTION_PRECISION,
        "INFERENCE_NUM_THREADS": threads,
        "PERF_COUNT": True,
    }
    graph = _graph(geometry, inputs, outputs, precision)
    request = openvino.Core().compile_model(graph, "CPU", settings).create_infer_request()
    picture = np.ones((1, inputs, geometry.height, geometry.width), np.float32)
    written, samples = np.zeros(SCRUB if scrub else 1, np.float32), []
    for _ in range(repetitions + 1):
        written += 1
        request.infer({0: picture}, share_inputs=True)
        samples += [
            layer.real_time.total_seconds() * 1e3
            for layer in request.get_profiling_info()
            if layer.node_name.startswith(NAME) and layer.node_type == "Convolution"
        ]
    assert len(samples) == repetitions + 1, samples
    return statistics.median(samples[1:])


def best_rate(precision: str, threads: int) -> float:
    """The most multiply-accumulates a second, in 10^9, that a large convolution reaches."""
    rates = []
    for kernel, channels, side in LARGE:
        geometry = Geometry(kernel, 1, side, side)
        taken = convolution_ms(geometry, channels, channels, precision, threads, repetitions=5, scrub=False)
        rates.append(geometry.macs(channels, channels) / taken / 1e6)
    return max(rates)


def _graph(geometry: Geometry, inputs: int, outputs: int, precision: str) -> openvino.Model:
    """The convolution with one behind it, so that its result is what the next one of a network reads."""
    import openvino
    from openvino import opset13 as ops

    rng = np.random.default_rng(0)

    def layer(features: Any, name: str, kernel: int, stride: int, shape: tuple[int, int]) -> Any:
        weight = rng.standard_normal((*shape, kernel, kernel), np.float32)
        if precision == "int8":
            largest = np.abs(weight).max()
            features = _rounded(features, 0, 4, 256)
            weight = _rounded(ops.constant(weight), -largest, largest, 255)
        margin = [kernel // 2] * 2
        convolution = ops.convolution(features, weight, [stride] * 2, margin, margin, [1, 1])
        convolution.set_friendly_name(name)
        return ops.relu(convolution)

    picture = ops.parameter([1, inputs, geometry.height, geometry.width], np.float32)
    features = layer(ops.relu(picture), NAME, geometry.kernel, geometry.stride, (outputs, inputs))
    return openvino.Model([ops.result(layer(features, "after", 1, 1, (16, outputs)))], [picture])


def _rounded(value: Any, low: float, high: float, levels: int) -> Any:
    from openvino import opset13 as ops

    bounds = (np.float32(low), np.float32(high))
    return ops.fake_quantize(value, *bounds, *bounds, levels)
