"""Multiply-accumulates of one run of a network, or of a whole try-on call, by module and by operation.

PyTorch's flop counter sees every operation that reaches the dispatcher and knows convolutions and matrix products.
What else a try-on network spends its time on is added here; docs/metrics.md has the formulas and their reasons. An
operation of your own registers its formula with ``torch.utils.flop_counter.register_flop_formula``, in FLOPs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count
from torch.utils.hooks import RemovableHandle

from vtoncompress.model.base import TryOnModel
from vtoncompress.model.pf_afn.correlation import Correlation

FLOPS_PER_MAC = 2
aten = torch.ops.aten


def _per_output(macs: int) -> Callable[..., int]:
    def flops(*_: Any, out_shape: torch.Size, **__: Any) -> int:
        return FLOPS_PER_MAC * macs * math.prod(out_shape)

    return flops


def _per_input(macs: int) -> Callable[..., int]:
    def flops(x_shape: torch.Size, *_: Any, **__: Any) -> int:
        return FLOPS_PER_MAC * macs * math.prod(x_shape)

    return flops


def _attention(query: torch.Size, key: torch.Size, value: torch.Size, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


_NORMS = ["native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm"]
_NORMS += ["native_layer_norm", "native_group_norm"]
_ACTIVATIONS = ["relu", "relu_", "leaky_relu", "leaky_relu_", "elu", "gelu", "silu", "silu_", "sigmoid", "tanh"]
OPERATIONS: dict[Any, Callable[..., int]] = {
    aten.grid_sampler_2d: _per_output(4),
    aten.upsample_bilinear2d: _per_output(4),
    aten.upsample_bicubic2d: _per_output(16),
    # The registry of torch 2.13 has the kernels of GPUs only.
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    **{getattr(aten, name): _per_input(2) for name in _NORMS},
    **{getattr(aten, name): _per_output(1) for name in _ACTIVATIONS},
}
"""FLOPs of operations that torch's counter leaves out, from the shapes of their arguments and result."""
_KINDS = {
    "grid_sampler_2d": "grid_sample",
    "upsample_bilinear2d": "interpolation",
    "upsample_bicubic2d": "interpolation",
    "_scaled_dot_product_flash_attention_for_cpu": "attention",
    **dict.fromkeys(_NORMS, "normalisation"),
    **dict.fromkeys(_ACTIVATIONS, "activation"),
}


def _correlation(first: Tensor, output: Tensor) -> int:
    return first.shape[1] * output.numel()


MODULES: dict[type[nn.Module], Callable[[Tensor, Tensor], int]] = {Correlation: _correlation}
"""MACs, from first argument and result, of modules made of elementwise operations; what runs inside isn't counted."""


@dataclass(frozen=True)
class Macs:
    """MACs of one call, as whole numbers.

    Attributes:
        operations: of the whole network, by kind: ``convolution``, ``correlation``, ``grid_sample`` and so on.
        modules: by name of the module, as in ``named_modules``; '' is the whole network.
        graphs: of one run of each graph of a try-on call, where it is one that was counted.
    """

    operations: dict[str, int]
    modules: dict[str, int]
    graphs: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.operations.values())


def count_macs(model: nn.Module, inputs: Mapping[str, Tensor]) -> Macs:
    """Run ``model`` once on named ``inputs``, in evaluation mode and without gradients, and count."""
    counter = FlopCounterMode(display=False, custom_mapping=OPERATIONS)
    ledger = _Ledger(counter)
    hooks = [hook for name, module in model.named_modules() for hook in ledger.watch(name, module)]
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), counter:
            model(**inputs)
    finally:
        model.train(training)
        for handle in hooks:
            handle.remove()
    return Macs(dict(+ledger.now()), dict(ledger.modules))


def count_call(model: TryOnModel) -> Macs:
    """Of one whole try-on call at batch 1: each of the model's graphs as often as the call runs it.

    A module takes the sum over the graphs that it is part of, and one that is never run itself, only its children are,
    as an autoencoder whose halves are called apart, the sum over those.
    """
    names = {id(module): name for name, module in model.named_modules()}
    operations, modules, graphs = Counter[str](), Counter[str](), {}
    for graph_name, graph in model.graphs().items():
        found = count_macs(graph.module, to_device_of(graph.module, graph.example))
        graphs[graph_name] = found.total
        for kind, macs in found.operations.items():
            operations[kind] += graph.calls * macs
        for name, module in graph.module.named_modules():
            if id(module) in names:
                modules[names[id(module)]] += graph.calls * found.modules.get(name, 0)
    modules[""] = operations.total()
    return Macs(dict(operations), _with_uncalled(modules), graphs)


def to_device_of(module: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inputs where the module's parameters are; those that are numbers of its precision, too."""
    of = next(module.parameters())
    return {
        name: value.to(of.device, of.dtype if value.is_floating_point() else None) for name, value in inputs.items()
    }


class _Ledger:
    """What was spent so far, by kind of operation, and in which module.

    A module of ``MODULES`` costs what its formula says, instead of what runs inside it.
    """

    def __init__(self, counter: FlopCounterMode) -> None:
        self._counter = counter
        self._corrections: Counter[str] = Counter()
        self._open: list[Counter[str]] = []
        self.modules: Counter[str] = Counter()

    def now(self) -> Counter[str]:
        """MACs by kind since the beginning."""
        spent = self._corrections.copy()
        for operation, flops in self._counter.flop_counts["Global"].items():
            plain = str(operation).removeprefix("aten.")
            spent[_KINDS.get(plain, plain)] += flops // FLOPS_PER_MAC
        return spent

    def watch(self, name: str, module: nn.Module) -> tuple[RemovableHandle, RemovableHandle]:
        """Count the calls of ``module`` under ``name``."""

        def begin(*_: Any) -> None:
            self._open.append(self.now())

        def end(module: nn.Module, arguments: tuple[Tensor, ...], output: Any) -> None:
            before, after = self._open.pop(), self.now()
            after.subtract(before)
            if (formula := MODULES.get(type(module))) is None:
                self.modules[name] += after.total()
                return
            macs = formula(arguments[0], output)
            self._corrections.subtract(after)
            self._corrections[type(module).__name__.lower()] += macs
            self.modules[name] += macs

        return module.register_forward_pre_hook(begin), module.register_forward_hook(end)


def _with_uncalled(modules: Mapping[str, int]) -> dict[str, int]:
    """``modules`` and the parents that cost nothing themselves, with the sum over their children."""
    found = Counter(modules)
    for name, macs in modules.items():
        parent = name.rpartition(".")[0]
        while name and parent and not modules.get(parent):
            found[parent] += macs
            parent = parent.rpartition(".")[0]
    return dict(found)
