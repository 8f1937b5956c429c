"""PyTorch's PT2E quantization of a whole graph, and the way back: from its result to integer convolutions by name."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from vtoncompress.export.base import Tensors
from vtoncompress.export.tracing import example_inputs, freeze
from vtoncompress.export.tracing import quiet as quiet_tracers
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import LEVELS, Grid, IntegerConv2d, geometry_of, replace_layers

CONVOLUTION = torch.ops.aten.conv2d.default


def need_torchao(mode: str) -> None:
    """ValueError where torchao isn't installed; loads nothing."""
    if importlib.util.find_spec("torchao") is None:
        raise ValueError(f"quantization={mode} needs torchao: pip install 'vtoncompress[torchao]'")


def trace(model: TryOnModel) -> GraphModule:
    """The graph of one call with ``person``, ``garment`` and ``garment_mask`` by name, batch 1 and ``model.size``.

    Its nodes know the modules that they came from: :func:`module_of`. Batch norms that are left in ``model`` become
    multiplications and additions: PT2E folds each one into the convolution before it, also where a residual connection
    takes that convolution's result as it is, and so breaks the network. Without any it has less to search, too: half
    a minute for a network of 156 convolutions.
    """
    model = freeze(model)
    norms = {name: norm for name, norm in model.named_modules() if isinstance(norm, nn.BatchNorm2d)}
    replace_layers(model, {name: _Affine(norm) for name, norm in norms.items()})
    with quiet():
        return torch.export.export(model, (), kwargs=example_inputs(model)).module(check_guards=False)


class _Affine(nn.Module):
    """A batch norm in evaluation mode, said without one."""

    scale: Tensor
    shift: Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.register_buffer("scale", scale.view(-1, 1, 1))
        self.register_buffer("shift", (norm.bias - norm.running_mean * scale).view(-1, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        return torch.addcmul(self.shift, features, self.scale)


def module_of(node: Node) -> str:
    """Name of the module in whose call the node was made; empty for the network itself."""
    stack = node.meta.get("nn_module_stack")
    # A module's second call is told from its first, as name@1.
    return str([*stack.values()][-1][0]).removeprefix("L['self'].").partition("@")[0] if stack else ""


def calibrate(graph: GraphModule, calibration: Sequence[Tensors]) -> None:
    """Show each pair to the observers of a prepared graph."""
    with torch.no_grad():
        for tensors in calibration:
            graph(**{name: torch.from_numpy(values) for name, values in tensors.items()})


def integer_network(model: TryOnModel, converted: GraphModule) -> TryOnModel:
    """A copy of ``model`` with an integer convolution wherever ``converted`` has a quantized one, of its very numbers.

    Args:
        model: that was traced.
        converted: what ``convert_pt2e`` made of the trace, its weights folded to integers or not.
    """
    model = copy.deepcopy(model)
    replace_layers(model, integer_layers(model, converted))
    return model


def integer_layers(model: TryOnModel, converted: GraphModule) -> dict[str, IntegerConv2d]:
    """By the name of a convolution of ``model``: what ``converted`` computes in its place, in integers.

    Raises:
        ValueError: a convolution is called more than once, with inputs of different grids.
    """
    found: dict[str, IntegerConv2d] = {}
    for node in converted.graph.nodes:
        if node.target is not CONVOLUTION or not _is_dequantized(node.args[0]):
            continue
        name = module_of(node)
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Conv2d), name
        grid = _grid(node.args[0])
        if name in found and found[name].grid != grid:
            raise ValueError(f"{name} is called with inputs of different ranges: keep it in quantization.float_layers")
        levels, scale = _weight(converted, node.args[1])
        bias = _tensor(converted, node.args[2]) if len(node.args) > 2 and node.args[2] is not None else None
        bias = None if bias is None else bias.detach().clone()
        found[name] = IntegerConv2d(levels, scale, bias, grid, geometry_of(layer))
    return found


def _is_dequantized(node: Any) -> bool:
    return isinstance(node, Node) and "quantized_decomposed.dequantize" in str(node.target)


def _grid(dequantize: Node) -> Grid:
    _, scale, zero_point, low, high, _ = dequantize.args
    assert isinstance(scale, float), scale
    assert isinstance(zero_point, int), zero_point
    assert (low, high) in ((0, 255), LEVELS), (low, high)
    return Grid(scale, zero_point, signed=(low, high) == LEVELS)


def _weight(converted: GraphModule, dequantize: Any) -> tuple[Tensor, Tensor]:
    """(O, I / groups, kh, kw) int8 and (O,) float32."""
    assert _is_dequantized(dequantize), dequantize
    source, scale, zero_point = dequantize.args[:3]
    scale, zero_point = (_tensor(converted, one) for one in (scale, zero_point))
    assert not zero_point.any(), "weights must be symmetric"
    if isinstance(source, Node) and source.op == "call_function":  # not folded: rounded at each call
        weight = _tensor(converted, source.args[0])
        levels = torch.round(weight / scale.reshape(-1, 1, 1, 1)).clamp(*LEVELS).to(torch.int8)
    else:
        levels = _tensor(converted, source)
    return levels.detach().clone(), scale.float().reshape(-1).expand(len(levels)).clone()


def _tensor(converted: GraphModule, value: Any) -> Tensor:
    """What an argument of a node is: a number, or a parameter or buffer of the graph."""
    if not isinstance(value, Node):
        return torch.as_tensor(value)
    assert value.op == "get_attr", value.op
    owner, _, leaf = str(value.target).rpartition(".")
    tensor = getattr(converted.get_submodule(owner), leaf)
    assert isinstance(tensor, Tensor)
    return tensor.detach()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the notes of torch's exporter and of torchao, none of which calls for action."""
    levels = {name: logging.getLogger(name).level for name in ("torchao", "torch.utils._pytree", "torch.export")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with quiet_tracers(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"torch(ao)?(\.|$)")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
