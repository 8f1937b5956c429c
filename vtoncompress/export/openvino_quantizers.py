"""Rounding moved ahead of what only copies numbers, so that it copies bytes.

A quantized convolution is given rounded numbers. Where its input is put together of others, or made larger by
repeating pixels, the same numbers come out whether all are rounded afterwards or each before. But before, there are
fewer of them, the copying moves a quarter of the bytes, and the convolution that made them may round them itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openvino


def move_ahead(graph: openvino.Model) -> int:
    """Move quantizers of whole tensors ahead of concatenations and nearest-neighbour enlargements, in place.

    Returns:
        How many moves were made.
    """
    moved = 0
    waiting = [node for node in graph.get_ordered_ops() if node.get_type_name() == "FakeQuantize"]
    while waiting:
        quantizer = waiting.pop()
        source = quantizer.input_value(0).get_node()
        if not (_copies(source) and _is_read_once(source) and _rounds_alike(quantizer)):
            continue
        waiting += [_round_before(source, place, quantizer) for place in _copied_inputs(source)]
        for reader in quantizer.output(0).get_target_inputs():
            reader.replace_source_output(source.output(0))
        moved += 1
    if moved:
        graph.validate_nodes_and_infer_types()
    return moved


def _copies(node: openvino.Node) -> bool:
    kind = node.get_type_name()
    return kind == "Concat" or (kind == "Interpolate" and node.get_attributes().get("mode") == "nearest")


def _copied_inputs(node: openvino.Node) -> range:
    return range(node.get_input_size() if node.get_type_name() == "Concat" else 1)


def _is_read_once(node: openvino.Node) -> bool:
    return len(node.output(0).get_target_inputs()) == 1


def _rounds_alike(quantizer: openvino.Node) -> bool:
    """Whether it has one range for all numbers, given as constants."""
    bounds = [quantizer.input_value(place) for place in range(1, 5)]
    return all(
        one.get_node().get_type_name() == "Constant" and math.prod(one.get_partial_shape().to_shape()) == 1
        for one in bounds
    )


def _round_before(node: openvino.Node, place: int, quantizer: openvino.Node) -> openvino.Node:
    from openvino import opset13 as ops

    bounds = [quantizer.input_value(one) for one in range(1, 5)]
    levels = int(quantizer.get_attributes()["levels"])
    before = ops.fake_quantize(node.input_value(place), *bounds, levels)
    before.set_friendly_name(f"{quantizer.get_friendly_name()}/{place}")
    node.input(place).replace_source_output(before.output(0))
    return before
