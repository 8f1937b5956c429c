"""Weights that are small in the IR's file and float32, or bfloat16, in the running network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import openvino

    from vtoncompress.model.bfloat16_convolution import BFloat16Conv2d
    from vtoncompress.model.stored_convolution import StoredConv2d

CONVOLUTIONS = ("Convolution", "GroupConvolution")
PRODUCTS = (*CONVOLUTIONS, "MatMul")
# They don't tell a bfloat16 number from the same number in float32, and the plugin does them with the convolution.
FUSED = ("LeakyRelu", "PRelu", "Relu")


def store(graph: openvino.Model, layers: Mapping[str, StoredConv2d]) -> None:
    """Give the convolutions of ``graph`` the weights of ``layers`` (by module) as they are stored, in place."""
    from vtoncompress.model.bfloat16_convolution import BFloat16Conv2d
    from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d

    found = set()
    for node in graph.get_ops():
        name = node.get_friendly_name().removeprefix("__module.").split("/")[0]
        if node.get_type_name() not in CONVOLUTIONS or name not in layers:
            continue
        layer, weight = layers[name], node.input_value(1).get_node()
        expected = layer.float_weight().numpy()
        assert np.array_equal(weight.data.reshape(expected.shape), expected), f"{name}: the converter changed weights"
        if isinstance(layer, BFloat16Conv2d):
            _compute_in_bfloat16(node, layer)
        else:
            assert isinstance(layer, WeightOnlyConv2d), type(layer)
            node.input(1).replace_source_output(_unpacked(layer, list(node.input(1).get_shape())))
        found.add(name)
    assert found == set(layers), f"not in the graph: {set(layers) - found}"
    graph.validate_nodes_and_infer_types()


def store_weights(graph: openvino.Model, layers: Mapping[str, StoredConv2d]) -> None:
    """Give convolutions and linear layers of ``graph`` (by module) rounded weights, in place.

    A linear layer is told as a convolution with a kernel of one pixel. Whatever the weights are stored as, they are
    computed with in the precision of the rest.
    """
    found = set()
    for node in graph.get_ops():
        name = node.get_friendly_name().removeprefix("__module.").split("/")[0]
        if node.get_type_name() not in PRODUCTS or name not in layers:
            continue
        if node.get_type_name() == "MatMul":
            assert node.get_attributes()["transpose_b"], f"{name}: its weights are not stored by output channel"
        node.input(1).replace_source_output(_unpacked(layers[name], list(node.input(1).get_shape())))
        found.add(name)
    assert found == set(layers), f"not in the graph: {set(layers) - found}"
    graph.validate_nodes_and_infer_types()


def _unpacked(layer: StoredConv2d, shape: list[int]) -> openvino.Output:
    """From small constants to float32 weights of ``shape``; done once, when the network is compiled."""
    import openvino
    from openvino import opset13 as ops

    from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d

    if not isinstance(layer, WeightOnlyConv2d):
        half = ops.constant(layer.float_weight().numpy().reshape(shape), dtype=openvino.Type.bf16)
        return ops.convert(half, openvino.Type.f32).output(0)
    if layer.scale is None:
        half = ops.constant(layer.weight.numpy().reshape(shape))
        return ops.convert(half, openvino.Type.f32).output(0)
    kind = {"int8": openvino.Type.i8, "int4": openvino.Type.i4}[layer.format]
    levels = ops.convert(ops.constant(layer.levels().numpy(), dtype=kind), openvino.Type.f32)
    scale = ops.convert(ops.constant(layer.scale.numpy()), openvino.Type.f32)
    return ops.reshape(ops.multiply(levels, scale), np.array(shape, np.int64), special_zero=False).output(0)


def _compute_in_bfloat16(node: openvino.Node, layer: BFloat16Conv2d) -> None:
    """Round what goes into a convolution and what comes out of it, with its bias and activation; weights are stored so.

    The types in the graph say it, so the runtime needs no setting that would reach the rest of the network.
    """
    import openvino
    from openvino import opset13 as ops

    node.input(0).replace_source_output(ops.convert(node.input_value(0), openvino.Type.bf16).output(0))
    weight = layer.float_weight().numpy().reshape(list(node.input(1).get_shape()))
    node.input(1).replace_source_output(ops.constant(weight, dtype=openvino.Type.bf16).output(0))
    last = node
    targets = last.output(0).get_target_inputs()
    if layer.bias is not None:
        add = next(iter(targets)).get_node()
        assert len(targets) == 1, node.get_friendly_name()
        assert add.get_type_name() == "Add", add.get_type_name()
        place = 1 - next(iter(targets)).get_index()
        bias = add.input_value(place).get_node().data
        add.input(place).replace_source_output(ops.constant(bias, dtype=openvino.Type.bf16).output(0))
        last = add
    targets = last.output(0).get_target_inputs()
    if len(targets) == 1 and (target := next(iter(targets))).get_node().get_type_name() in FUSED:
        last = target.get_node()
        if last.get_type_name() == "PRelu":
            slope = last.input_value(1).get_node().data
            last.input(1).replace_source_output(ops.constant(slope, dtype=openvino.Type.bf16).output(0))
    targets = last.output(0).get_target_inputs()
    back = ops.convert(last, openvino.Type.f32)
    for target in targets:
        target.replace_source_output(back.output(0))
