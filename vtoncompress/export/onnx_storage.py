"""Weights that are small in the ONNX file and float32 in the running network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

    from vtoncompress.model.stored_convolution import StoredConv2d

INT4_OPSET = 21
"""The first with 4-bit integers. Of the operators here it changed only which types they take."""


def store(graph: onnx.ModelProto, layers: Mapping[str, StoredConv2d]) -> None:
    """Give the convolutions of ``graph`` the weights of ``layers`` (by module) as they are stored, in place."""
    from onnxscript import optimizer

    found = set()
    nodes: list[onnx.NodeProto] = []
    for node in graph.graph.node:
        name = node.name.split("/")[0]
        if node.op_type == "Conv" and name in layers:
            node.input[1] = _unpack(graph.graph, nodes, name, layers[name])
            found.add(name)
    assert found == set(layers), f"not in the graph: {set(layers) - found}"
    if not layers:
        return
    later = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([*nodes, *later])
    if any(getattr(layer, "format", "") == "int4" for layer in layers.values()):
        next(one for one in graph.opset_import if one.domain == "").version = INT4_OPSET
        graph.ir_version = max(graph.ir_version, 10)
    optimizer.remove_unused_nodes(graph)


def _unpack(graph: onnx.GraphProto, nodes: list[onnx.NodeProto], name: str, layer: StoredConv2d) -> str:
    """Add constants, and nodes that make float32 weights of them, which the runtime does once; the weights' name.

    ``DequantizeLinear`` would say it in one node, but ONNX Runtime does that in every call.
    """
    from onnx import TensorProto, helper, numpy_helper

    from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d

    assert isinstance(layer, WeightOnlyConv2d), type(layer)

    def add(operation: str, inputs: list[str], result: str, **attributes: Any) -> str:
        output = f"{name}/stored_{result}"
        nodes.append(helper.make_node(operation, inputs, [output], output, **attributes))
        return output

    def constant(values: np.ndarray, kind: str) -> str:
        graph.initializer.append(numpy_helper.from_array(values, f"{name}/stored_{kind}"))
        return f"{name}/stored_{kind}"

    if layer.scale is None:
        return add("Cast", [constant(layer.weight.numpy(), "float16")], "weight", to=TensorProto.FLOAT)
    if layer.format == "int4":
        packed = layer.weight.numpy().tobytes()
        levels = f"{name}/stored_int4"
        shape = layer.levels().shape
        graph.initializer.append(helper.make_tensor(levels, TensorProto.INT4, shape, packed, raw=True))
    else:
        levels = constant(layer.weight.numpy(), "int8")
    scale = add("Cast", [constant(layer.scale.numpy(), "scale")], "float_scale", to=TensorProto.FLOAT)
    counted = add("Cast", [levels], "levels", to=TensorProto.FLOAT)
    grouped = add("Mul", [counted, scale], "groups")
    return add("Reshape", [grouped, constant(np.array(layer.shape, np.int64), "shape")], "weight")
