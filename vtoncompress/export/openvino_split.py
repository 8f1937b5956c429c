"""A graph cut in two: what some of its inputs decide alone, and the rest.

One garment on many people, or one person in many garments: the features of what stays the same are computed once. The
cut is found in the graph, quantized or not, so that both halves are the deployed network and nothing else is stored.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openvino

CONVOLUTIONS = ("Convolution", "GroupConvolution")
MOVES = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Pad")
"""What only arranges features otherwise: within a network often free, but not for what comes from outside."""


def split(graph: openvino.Model, fixed: Collection[str]) -> tuple[openvino.Model, openvino.Model]:
    """Two graphs in place of one.

    Args:
        graph: left alone.
        fixed: names of the inputs that stay the same.

    Returns:
        The graph from these inputs to features, and the graph from the other inputs and the features, which come after
        them in the first one's order, to the results.

    Raises:
        ValueError: an input that the graph lacks.
    """
    import openvino
    from openvino import opset13 as ops

    graph = graph.clone()
    inputs = {node.output(0).any_name: node for node in graph.get_parameters()}
    if unknown := set(fixed) - inputs.keys():
        raise ValueError(f"the network has no input {', '.join(sorted(unknown))}: it has {', '.join(inputs)}")
    kept = _kept(graph, {inputs[name].get_name() for name in fixed})
    results, parameters = [], []
    for node in graph.get_ordered_ops():
        if node.get_name() not in kept or node.get_type_name() == "Constant":
            continue
        for output in node.outputs():
            after = [one for one in output.get_target_inputs() if one.get_node().get_name() not in kept]
            if not after:
                continue
            parameter = ops.parameter(output.get_partial_shape(), output.get_element_type())
            for one in after:
                one.replace_source_output(parameter.output(0))
            results.append(ops.result(output))
            parameters.append(parameter)
    left = [node for name, node in inputs.items() if name not in fixed]
    first = openvino.Model(results, [inputs[name] for name in inputs if name in fixed], "features")
    return first, openvino.Model(graph.get_results(), [*left, *parameters], "rest")


def _kept(graph: openvino.Model, fixed: set[str]) -> set[str]:
    """Names of the nodes before the cut: convolutions that the fixed inputs decide alone, what leads to them, and what
    arranges their features for the readers.

    What else follows the last of them is cheap and stays with its readers; among it is the quantization of what they
    read, without which they would not run in INT8.
    """
    ordered = graph.get_ordered_ops()
    decided_by: dict[str, set[str]] = {}
    for node in ordered:
        name = node.get_name()
        before = (one.get_node().get_name() for one in node.input_values())
        decided_by[name] = set[str]().union(*(decided_by[one] for one in before))
        if node.get_type_name() == "Parameter":
            decided_by[name].add(name)
    kept = set(fixed)  # though nothing may be decided by one of them alone
    for node in reversed(ordered):
        name = node.get_name()
        if node.get_type_name() == "Result" or not decided_by[name] or not decided_by[name] <= fixed:
            continue
        readers = {one.get_node().get_name() for one in node.output(0).get_target_inputs()}
        if node.get_type_name() in CONVOLUTIONS or _adds_bias(node) or readers & kept:
            kept.add(name)
    for node in ordered:
        sources = {one.get_node().get_name() for one in node.input_values()}
        if node.get_type_name() in MOVES and all(one in kept for one in sources if decided_by[one]) and sources & kept:
            kept.add(node.get_name())
    constants = {
        one.get_node().get_name()
        for node in ordered
        if node.get_name() in kept
        for one in node.input_values()
        if not decided_by[one.get_node().get_name()]
    }
    return kept | constants


def _adds_bias(node: openvino.Node) -> bool:
    sources = [one.get_node().get_type_name() for one in node.input_values()]
    return bool(node.get_type_name() == "Add" and "Constant" in sources and set(sources) & set(CONVOLUTIONS))
