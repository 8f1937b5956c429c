"""Features rounded to 8 bits where they are sampled and compared, in an OpenVINO graph whose convolutions are in INT8.

Sampling copies whole pixels and correlation copies blocks of them: as bytes that takes a quarter of the time, and
OpenVINO multiplies them as integers. What is rounded are values of features; coordinates, and the weights with which
pixels are mixed, stay float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vtoncompress.export.base import Tensors
from vtoncompress.quantization.layers import module_of

if TYPE_CHECKING:
    import openvino

LEAST_CHANNELS = 16
"""A tensor with fewer is no feature map here, but a grid or a picture."""
LEVELS = 255
"""Symmetric about 0, for OpenVINO multiplies no integers with two zero points."""


def feature_ranges(
    graph: openvino.Model, readers: Sequence[str], calibration: Sequence[Tensors]
) -> dict[str, dict[int, float]]:
    """Node -> its input -> the largest absolute value there over the calibration pairs.

    Args:
        graph: in float32; left alone.
        readers: modules that sample or compare features.
        calibration: inputs of the graph.
    """
    import openvino

    watched = graph.clone()
    entries = list(_entries(watched, readers))
    first = len(watched.outputs)
    watched.add_outputs([node.input_value(place) for node, place in entries])
    compiled = openvino.Core().compile_model(watched, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = [port.any_name for port in graph.inputs]
    largest = np.zeros(len(entries))
    for tensors in calibration:
        results = compiled({name: tensors[name] for name in names})
        largest = np.maximum(largest, [np.abs(results[first + place]).max() for place in range(len(entries))])
    ranges: dict[str, dict[int, float]] = {}
    for (node, place), value in zip(entries, largest, strict=True):
        ranges.setdefault(node.get_friendly_name(), {})[place] = float(value)
    return ranges


def round_features(graph: openvino.Model, ranges: Mapping[str, Mapping[int, float]]) -> None:
    """Round, in place, what nodes read as :func:`feature_ranges` found it; a tensor of zeros stays as it is."""
    from openvino import opset13 as ops

    for node in graph.get_ordered_ops():
        for place, largest in ranges.get(node.get_friendly_name(), {}).items():
            if not largest:
                continue
            source = node.input_value(place)
            one = [1] * source.get_partial_shape().rank.get_length()
            low, high = (ops.constant(np.full(one, bound, np.float32)) for bound in (-largest, largest))
            rounded = ops.fake_quantize(source, low, high, low, high, LEVELS)
            rounded.set_friendly_name(f"{node.get_friendly_name()}/rounded_{place}")
            node.input(place).replace_source_output(rounded.output(0))
    graph.validate_nodes_and_infer_types()


def _entries(graph: openvino.Model, readers: Sequence[str]) -> Iterator[tuple[openvino.Node, int]]:
    """Where feature maps come into one of the modules, from outside all of them or from another one of them.

    What one hands on to another as it came in was rounded then, and the mean of four pixels has yet to be.
    """
    for node in graph.get_ordered_ops():
        module = module_of(node.get_friendly_name())
        if module not in readers:
            continue
        for place, source in enumerate(node.input_values()):
            maker = source.get_node()
            if maker.get_type_name() in ("Constant", "Transpose") or module_of(maker.get_friendly_name()) == module:
                continue
            shape = source.get_partial_shape()
            if source.get_element_type().is_real() and len(shape) > 1 and shape[1].get_min_length() >= LEAST_CHANNELS:
                yield node, place
