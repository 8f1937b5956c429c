"""How many bytes of an exported graph's constants belong to which part of the network."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx
    import openvino

OTHER, WHOLE = "other", "whole"
"""What no part uses, the sums and pictures around them; and all of it."""


def parts_of_openvino(graph: openvino.Model) -> dict[str, int]:
    """Bytes by part, ``{"warp": 640, "generator": 320, "whole": 970}``; a part is the first component of a name."""

    def users(node: Any) -> Iterable[Any]:
        return (target.get_node() for output in node.outputs() for target in output.get_target_inputs())

    stored: Counter[str] = Counter()
    for node in graph.get_ops():
        if node.get_type_name() == "Constant":
            stored[_owner(node, users, lambda one: str(one.get_friendly_name()))] += node.get_byte_size()
    return {**stored, WHOLE: stored.total()}


def parts_of_onnx(model: onnx.ModelProto) -> dict[str, int]:
    """As :func:`parts_of_openvino`."""
    import onnx

    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    stored: Counter[str] = Counter()
    for constant in model.graph.initializer:
        element = onnx.helper.tensor_dtype_to_np_dtype(constant.data_type)
        packed = 2 if element.name in ("int4", "uint4") else 1  # in the file; numpy gives each a byte
        size = -(-math.prod(constant.dims) * element.itemsize // packed)

        def users(one: Any) -> Iterable[Any]:
            outputs = one.output if isinstance(one, onnx.NodeProto) else [one.name]
            return (reader for name in outputs for reader in readers.get(name, ()))

        stored[_owner(constant, users, lambda one: str(one.name) if isinstance(one, onnx.NodeProto) else "")] += size
    return {**stored, WHOLE: stored.total()}


def _owner(constant: Any, users: Callable[[Any], Iterable[Any]], name: Callable[[Any], str]) -> str:
    """The part of the nearest node after the constant that a module made: what stands between only unpacks it."""
    waiting, seen = deque(users(constant)), 0
    while waiting and seen < 16:
        node, seen = waiting.popleft(), seen + 1
        module = name(node).removeprefix("__module.").split("/")[0]
        if "/" in name(node) and "." in module:
            return module.split(".")[0]
        waiting.extend(users(node))
    return OTHER
