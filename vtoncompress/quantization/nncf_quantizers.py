"""NNCF's trainable quantizers of a torch module, taken out of its hooks: two for each convolution."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from vtoncompress.export.base import Tensors
from vtoncompress.export.openvino_ir import disable_telemetry
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization.fake_quantized import FakeQuantizer, Levels
from vtoncompress.quantization.nncf_options import NNCFOptions, quiet

NO_OPERATIONS = ("nncf_model_input", "nncf_model_const", "nncf_model_output")


class NNCFQuantizer(FakeQuantizer):
    """A symmetric or an asymmetric quantizer of NNCF, with its gradients and its own idea of what it rounds to.

    Args:
        quantizer: NNCF's, calibrated.
    """

    def __init__(self, quantizer: nn.Module) -> None:
        super().__init__()
        self.quantizer: Any = _without_integer_parameters(quantizer)

    def forward(self, values: Tensor) -> Tensor:
        rounded: Tensor = self.quantizer(values)
        return rounded

    @torch.no_grad()
    def levels(self) -> Levels:
        scale, zero_point = self.quantizer.get_parameters_for_torch_fq()[2:]
        return Levels(scale.float(), zero_point, self.quantizer.level_low, self.quantizer.level_high)


def calibrated_quantizers(
    model: TryOnModel, layers: Sequence[str], options: NNCFOptions, calibration: Sequence[Tensors]
) -> dict[str, tuple[FakeQuantizer, FakeQuantizer]]:
    """For each of ``layers`` a quantizer of its input and one of its weights, as ``nncf.quantize`` initialises them.

    NNCF hooks them into the model's ``forward``, but a loss looks at ``trace``: so they are taken out, to live in the
    convolutions. ``model`` stays as it is.
    """
    disable_telemetry()
    from nncf.torch.function_hook.nncf_graph.nncf_graph_builder import build_nncf_graph
    from nncf.torch.function_hook.wrapper import get_hook_storage, wrap_model

    inputs: list[Any] = [{name: torch.from_numpy(value) for name, value in tensors.items()} for tensors in calibration]
    with quiet(), torch.no_grad():
        graph = build_nncf_graph(wrap_model(copy.deepcopy(model)), dict(inputs[0]))
    places = {name: _place(graph, name) for name in layers}
    chosen = {operation for operation, _ in places.values()}
    float_nodes = [
        node.node_name
        for node in graph.get_all_nodes()
        if node.node_type not in NO_OPERATIONS and node.node_name not in chosen
    ]
    _compute_eagerly()
    hooks = dict(get_hook_storage(options.quantize(copy.deepcopy(model), float_nodes, inputs)).named_hooks())
    return {name: _quantizers(hooks, *place) for name, place in places.items()}


def _place(graph: Any, layer: str) -> tuple[str, tuple[str, int]]:
    """The operation of a convolution in NNCF's graph, and the output of another one that is its input."""
    [operation] = graph.get_next_nodes(graph.get_node_by_name(f"{layer}.weight"))
    [edge] = [edge for edge in graph.get_input_edges(operation) if edge.input_port_id == 0]
    return operation.node_name, (edge.from_node.node_name, edge.output_port_id)


def _quantizers(
    hooks: Mapping[str, nn.Module], operation: str, source: tuple[str, int]
) -> tuple[FakeQuantizer, FakeQuantizer]:
    """NNCF rounds weights and network inputs before a convolution, features after what they came from."""
    [of_input] = [
        hooks[key] for key in (_hook("pre_hooks", operation, 0), _hook("post_hooks", *source)) if key in hooks
    ]
    return NNCFQuantizer(of_input), NNCFQuantizer(hooks[_hook("pre_hooks", operation, 1)])


def _hook(kind: str, operation: str, port: int) -> str:
    return f"{kind}.{operation.replace('.', ':')}__{port}.0"


def _without_integer_parameters(quantizer: nn.Module) -> nn.Module:
    """NNCF has its bits among the parameters, where whoever asks all of them for gradients fails; they are buffers."""
    for name, parameter in [*quantizer.named_parameters()]:
        if not parameter.is_floating_point():
            delattr(quantizer, name)
            quantizer.register_buffer(name, parameter.data)
    return quantizer


def _compute_eagerly() -> None:
    """Have NNCF run its tensor operations as they are.

    It would have a compiler put the same ones into C++ first: a minute and more, of which it waits one, and a lock that
    a killed process leaves for the next; without a compiler ``torch.compile``, for every shape anew. Neither is faster,
    for the operations are the same, and machines with and without would differ.
    """
    from nncf.torch.quantization import extensions
    from nncf.torch.quantization.reference import torch_executor

    functions = SimpleNamespace(Quantize_forward=torch_executor.forward, Quantize_backward=torch_executor.backward)
    for namespace in (extensions.QuantizedFunctionsCPU, extensions.QuantizedFunctionsCUDA):
        namespace._loaded_namespace = functions
