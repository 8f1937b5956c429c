"""Multiply-accumulates of one call of a network, by module and by operation.

PyTorch's flop counter sees every operation that reaches the dispatcher and knows convolutions and matrix products.
What else a try-on network spends its time on is added here; docs/metrics.md has the formulas and their reasons. An
operation of your own registers its formula with ``torch.utils.flop_counter.register_flop_formula``, in FLOPs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

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
        modules: by name of the module, as in ``named_modules``; '' is the whole network. Free ones are left out.
    """

    operations: dict[str, int]
    modules: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.operations.values())


def count_macs(model: nn.Module, inputs: Mapping[str, Tensor]) -> Macs:
    """Run ``model`` once on named ``inputs``, in evaluation mode and without gradients, and count."""
    counter = FlopCounterMode(display=False, custom_mapping=OPERATIONS)
    special: dict[str, tuple[str, int]] = {}

    def hook(name: str, formula: Callable[[Tensor, Tensor], int]) -> Callable[..., None]:
        def add(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
            before = special.get(name, ("", 0))[1]
            special[name] = (type(module).__name__.lower(), before + formula(arguments[0], output))

        return add

    hooks = [
        module.register_forward_hook(hook(name, MODULES[type(module)]))
        for name, module in model.named_modules()
        if type(module) in MODULES
    ]
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), counter:
            model(**inputs)
    finally:
        model.train(training)
        for handle in hooks:
            handle.remove()
    return _gather(type(model).__name__, counter.get_flop_counts(), special)


def _gather(root: str, flops: dict[str, dict[Any, int]], special: dict[str, tuple[str, int]]) -> Macs:
    """FLOPs by torch's names of modules and operations -> MACs by ours, special modules counted by their formula."""
    modules: dict[str, Counter[str]] = {"": Counter()}
    for path, operations in flops.items():
        name = "" if path in ("Global", root) else path.removeprefix(f"{root}.")
        modules[name] = Counter()
        for operation, n in operations.items():
            plain = str(operation).removeprefix("aten.")
            modules[name][_KINDS.get(plain, plain)] += n // FLOPS_PER_MAC
    for name, (kind, macs) in special.items():
        inside = modules.get(name, Counter()).copy()
        parts = name.split(".") if name else []
        for depth in range(len(parts) + 1):
            above = modules.setdefault(".".join(parts[:depth]), Counter())
            above.subtract(inside)
            above[kind] += macs
    return Macs(dict(+modules[""]), {name: sum(count.values()) for name, count in modules.items()})
