"""Eager PyTorch: the network's structure and weights, and what everything else is compared with."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vtoncompress import checkpoint
from vtoncompress.export.base import Exporter, Runtime, Tensors
from vtoncompress.export.stepwise import read_call, write_call
from vtoncompress.export.tracing import freeze
from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.model.bfloat16_convolution import BFloat16Conv2d
from vtoncompress.model.stored_convolution import make_ordinary
from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d
from vtoncompress.sampling.base import Sampling
from vtoncompress.sampling.call import encoded, recall, varied
from vtoncompress.sampling.denoising import Networks


class TorchRuntime(Runtime):
    """A network run eagerly, in float32, on the CPU.

    Args:
        model: as it is, for comparing an exported network with the one it was made from. One that works in steps, which
            may have gigabytes, is not copied and must not change meanwhile.
        threads: within an operation; null keeps torch's own number. It is one number for the whole process.
    """

    def __init__(self, model: TryOnModel, threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self._model = freeze(model, share=isinstance(model, StepwiseModel))
        self.inputs = tuple(model.inputs)
        self._stored = stored_bytes(self._model)
        make_ordinary(self._model, WeightOnlyConv2d)  # unpacked once, not in every call

    @torch.inference_mode()
    def __call__(self, inputs: Tensors) -> Tensors:
        return _call(self._model, inputs)

    def sampled(
        self, options: Mapping[str, Any], told: Callable[[int, int], None]
    ) -> Callable[[Tensors], Tensors] | None:
        if not isinstance(self._model, StepwiseModel):
            return None
        model = copy.copy(self._model)  # with the same weights
        model.set_sampling(varied(*recall(self._model.call() or {}), options))

        return lambda inputs: _call(model, inputs, told=told)

    def reuse(self, fixed: Tensors) -> Callable[[Tensors], Tensors] | None:
        """As :meth:`Runtime.reuse`: of a model that works in steps a garment's latents, or a person's with its mask."""
        model = self._model
        if not isinstance(model, StepwiseModel):
            return None
        latents = encoded(model.networks(), fixed)

        return lambda inputs: _call(model, {**fixed, **inputs}, latents=latents)

    def networks(self, sampling: Sampling | None = None) -> Networks | None:
        return self._model.networks() if isinstance(self._model, StepwiseModel) else None

    def describe(self) -> dict[str, Any]:
        precision = "f32" if torch.get_float32_matmul_precision() == "highest" else "mixed"
        sampling = {"sampling": self._model.sampling.told()} if isinstance(self._model, StepwiseModel) else {}
        halves = any(isinstance(layer, BFloat16Conv2d) for layer in self._model.modules())
        return {
            "runtime": "torch",
            "version": torch.__version__,
            "device": "cpu",
            "instruction_set": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
            "many": "one after another",  # a batch of eight takes longer on a CPU: features leave the caches
            "execution_precision": f"bf16 and {precision}" if halves else precision,
            "stored_bytes": self._stored,
            "forms": self._model.forms(graph=False),
            **sampling,
        }


def _call(model: TryOnModel, inputs: Tensors, **others: Any) -> Tensors:
    """``inputs`` may have ``seeds`` for a model that works in steps, one for each picture."""
    if isinstance(model, StepwiseModel) and "seeds" in inputs:
        others["seeds"] = [int(seed) for seed in inputs["seeds"]]
    outputs = model(**{name: torch.from_numpy(inputs[name]) for name in model.inputs}, **others)
    return {name: value.numpy() for name, value in outputs.items()}


def stored_bytes(model: nn.Module) -> dict[str, int]:
    """Bytes of a checkpoint's tensors by element type, as ``{"f32": 64}``."""
    stored: Counter[str] = Counter()
    for tensor in model.state_dict().values():
        name = str(tensor.dtype).removeprefix("torch.").replace("bfloat", "bf").replace("float", "f")
        stored[name.replace("uint", "u").replace("int", "i")] += tensor.numel() * tensor.element_size()
    return dict(stored)


def open_runtime(folder: Path, threads: int | None = None) -> TorchRuntime:
    """Open what :class:`TorchExporter` wrote. ValueError where a file is missing or damaged."""
    model = checkpoint.load(folder)
    if (call := read_call(folder)) is not None:
        if not isinstance(model, StepwiseModel):
            raise ValueError(f"{folder} has steps for a model without any: export the network again")
        model.restore_call(call)
    return TorchRuntime(model, threads)


class TorchExporter(Exporter):
    """Structure as JSON, weights as safetensors.

    Args:
        dynamic: as for the other exporters; files of the model itself are no different.
    """

    runtime = "torch"

    def __init__(self, dynamic: bool = False) -> None:
        self.dynamic = dynamic

    def export(self, model: TryOnModel, folder: Path) -> None:
        checkpoint.save(model, folder)
        write_call(model, folder)

    def open(self, folder: Path) -> TorchRuntime:
        return open_runtime(folder)
