"""PyTorch's compiler on a CPU: the checkpoint of ``export=torch``, compiled where it is opened.

Opening compiles, which takes a C++ compiler and a minute or two for PF-AFN. torch keeps the kernels in a folder of its
own for each user, so that the next opening takes about half of that. So it is for a process that serves many calls.
"""

from __future__ import annotations

import functools
import os
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import GraphModule

from vtoncompress import checkpoint
from vtoncompress.export.base import Exporter, Runtime, Tensors
from vtoncompress.export.torch import stored_bytes
from vtoncompress.export.tracing import example_inputs, fold_batch_norms
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.integer_convolution import LEVELS, IntegerConv2d, replace_layers
from vtoncompress.model.stored_convolution import make_ordinary
from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d

UNSIGNED = (0, 255)
PRECISIONS = {"onednn.qconv": "u8", "mkldnn._convolution": "f32", "aten.convolution": "f32"}
"""By the beginning of an operation's name in the compiled graph: what the convolution reads."""


def need_compiler() -> None:
    """ValueError where there is no C++ compiler, by the names that torch looks for."""
    if shutil.which(os.environ.get("CXX") or "g++") is None:
        raise ValueError(
            "export=torch_compile needs a C++ compiler: install g++ (apt-get install g++) or name another one in CXX"
        )


class TorchCompileRuntime(Runtime):
    """A network compiled by inductor for the CPU, its weights constants: in float32, and integer convolutions in INT8.

    Args:
        model: left alone.
        threads: within an operation; null keeps torch's own number. It is one number for the whole process.

    Raises:
        ValueError: there is no C++ compiler.
    """

    def __init__(self, model: TryOnModel, threads: int | None = None) -> None:
        need_compiler()
        if threads is not None:
            torch.set_num_threads(threads)
        self._stored, self._forms = stored_bytes(model), model.forms(graph=False)
        self.inputs = tuple(model.inputs)
        self._executed: Counter[str] = Counter()
        self._compiled = torch.compile(  # type: ignore[call-overload]  # its overloads lack isolate_recompiles
            _for_inductor(model),
            backend=functools.partial(_compile, self._executed),
            fullgraph=True,
            dynamic=False,
            isolate_recompiles=True,  # or the ninth network that a process opens would run uncompiled
        )
        begun = time.perf_counter()
        with _freezing(), torch.no_grad():
            self._compiled(**example_inputs(model))
        self._compile_seconds = time.perf_counter() - begun

    @torch.no_grad()
    def __call__(self, inputs: Tensors) -> Tensors:
        outputs = self._compiled(**{name: torch.from_numpy(inputs[name]) for name in self.inputs})
        return {name: value.numpy() for name, value in outputs.items()}

    def describe(self) -> dict[str, Any]:
        precision = "f32" if torch.get_float32_matmul_precision() == "highest" else "mixed"
        return {
            "runtime": "torch_compile",
            "version": torch.__version__,
            "device": "cpu",
            "instruction_set": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
            "execution_precision": f"bf16 and {precision}" if self._executed["bf16"] else precision,
            "executed_layers": dict(self._executed),
            "compile_s": self._compile_seconds,
            "stored_bytes": self._stored,
            "forms": self._forms,
        }


def open_runtime(folder: Path, threads: int | None = None) -> TorchCompileRuntime:
    """Compile what :class:`TorchCompileExporter` wrote.

    Raises:
        ValueError: a file is missing or damaged, or there is no C++ compiler.
    """
    need_compiler()
    return TorchCompileRuntime(checkpoint.load(folder), threads)


class TorchCompileExporter(Exporter):
    """Writes what :class:`vtoncompress.export.torch.TorchExporter` writes, and compiles it where it is opened.

    Args:
        dynamic: False; it runs no model that works in steps.

    Raises:
        ValueError: there is no C++ compiler.
    """

    runtime = "torch_compile"

    def __init__(self, dynamic: bool = False) -> None:
        need_compiler()
        self.dynamic = dynamic

    def export(self, model: TryOnModel, folder: Path) -> None:
        checkpoint.save(model, folder)

    def open(self, folder: Path) -> TorchCompileRuntime:
        return open_runtime(folder)


class _QuantizedConv2d(nn.Module):
    """An integer convolution said as inductor's patterns for oneDNN want it: a float one between dequantizations.

    The grid is unsigned: levels and zero point of a signed one are 128 higher, which stands for the same numbers.
    """

    weight: Tensor
    scale: Tensor
    zero_point: Tensor
    bias: Tensor | None

    def __init__(self, layer: IntegerConv2d) -> None:
        super().__init__()
        # Registers the operations that the patterns know.
        from torch.ao.quantization.fx import _decomposed  # noqa: F401

        self.operations = torch.ops.quantized_decomposed
        self.grid = (layer.grid.scale, layer.grid.zero_point - layer.grid.levels[0], *UNSIGNED, torch.uint8)
        self.geometry = dict(layer.geometry)
        self.register_buffer("weight", layer.weight)
        self.register_buffer("scale", layer.scale)
        self.register_buffer("zero_point", torch.zeros_like(layer.zero_point, dtype=torch.int64))
        self.register_buffer("bias", layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        levels = self.operations.quantize_per_tensor(features, *self.grid)
        rounded = self.operations.dequantize_per_tensor(levels, *self.grid)
        weight = self.operations.dequantize_per_channel(
            self.weight, self.scale, self.zero_point, 0, *LEVELS, torch.int8
        )
        return F.conv2d(rounded, weight, self.bias, **self.geometry)


def _for_inductor(model: TryOnModel) -> TryOnModel:
    """A frozen copy without what inductor can't make fast."""
    model = fold_batch_norms(model)
    make_ordinary(model, WeightOnlyConv2d)  # unpacked once, not in every call
    integers = {name: layer for name, layer in model.named_modules() if isinstance(layer, IntegerConv2d)}
    replace_layers(model, {name: _QuantizedConv2d(layer) for name, layer in integers.items()})
    return model


def _compile(executed: Counter[str], graph: GraphModule, inputs: Sequence[Tensor]) -> Any:
    """inductor, counting the convolutions of the graph that it makes kernels of by the precision they run in."""
    from torch._inductor.compile_fx import compile_fx, compile_fx_inner

    def count(final: GraphModule, *args: Any, **kwargs: Any) -> Any:
        for node in final.graph.nodes:
            for name, precision in PRECISIONS.items():
                if node.op == "call_function" and str(node.target).startswith(name):
                    halves = node.args[0].meta["val"].dtype == torch.bfloat16
                    executed["bf16" if halves else precision] += 1
        return compile_fx_inner(final, *args, **kwargs)

    return compile_fx(graph, inputs, inner_compile=count)


@contextmanager
def _freezing() -> Iterator[None]:
    """Weights become constants, packed for oneDNN; both of torch's compilers must know. Without their notes."""
    import torch._inductor.config

    with torch._inductor.config.patch(freezing=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"torch\.")
        yield
