"""What each layer of a compiled graph takes, and what it has to compute and to move for that."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from vtoncompress.export.base import LayerTime, Tensors

if TYPE_CHECKING:
    import openvino


def layer_times(compiled: openvino.CompiledModel, inputs: Tensors, repetitions: int) -> list[LayerTime]:
    """Those of a graph that was compiled with ``PERF_COUNT``, in the order they run in, without what takes nothing.

    Args:
        compiled: left as it is.
        inputs: of every call.
        repetitions: calls that are counted; the first one of all is not.
    """
    request, taken = compiled.create_infer_request(), Counter[str]()
    request.infer(inputs)
    for _ in range(repetitions):
        request.infer(inputs)
        for counted in request.get_profiling_info():
            taken[counted.node_name] += round(counted.real_time.total_seconds() * 1e6)
    ordered = sorted(compiled.get_runtime_model().get_ops(), key=lambda node: int(_told(node, "execOrder")))
    return [
        _describe(node, taken[name] / 1e3 / repetitions) for node in ordered if taken[name := node.get_friendly_name()]
    ]


def _describe(node: openvino.Node, milliseconds: float) -> LayerTime:
    ports = [*node.inputs(), *node.outputs()]
    moved = sum(math.prod(port.get_shape()) * port.get_element_type().size for port in ports)
    return LayerTime(
        name=node.get_friendly_name(),
        kind=_told(node, "layerType"),
        kernel=_told(node, "primitiveType"),
        milliseconds=milliseconds,
        precision=_told(node, "runtimePrecision").lower(),
        macs=_macs(node),
        moved_bytes=moved,
    )


def _macs(node: openvino.Node) -> int:
    """Of convolutions and matrix products; everything else computes little for what it moves."""
    kind, output = _told(node, "layerType"), list(node.output(0).get_shape())
    if kind == "Convolution":
        weight = list(node.input(1).get_shape())  # one dimension more where there are groups
        return math.prod(output) * math.prod(weight[len(weight) - len(output) + 1 :])
    if kind == "MatMul":
        # B x M x K times B x K x N gives B x M x N, whichever of them is transposed.
        one, other = (math.prod(node.input(place).get_shape()) for place in (0, 1))
        return math.isqrt(one * other * math.prod(output) // math.prod(output[:-2]))
    return 0


def _told(node: openvino.Node, key: str) -> str:
    details: Any = node.get_rt_info()
    return str(details[key].astype(str))
