"""What one try-on call costs on paper: multiply-accumulates and parameters."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from vtoncompress.metric.base import Measurement, Subject, SubjectMetric
from vtoncompress.metric.macs import FLOPS_PER_MAC, Macs, count_call, to_device_of
from vtoncompress.metric.size import MIB
from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.pruning.reached import output_channels
from vtoncompress.sampling.call import varied

WHOLE = "whole"


class Cost(SubjectMetric):
    """MACs of one whole try-on call at batch 1 and the model's size, and parameters.

    A model that makes its picture in steps pays for all of them, for both halves of guidance and for what brings
    pictures to latents and back.

    ``gmacs`` in units of 10^9, ``gflops`` twice that; ``params_m`` in units of 10^6; ``gmacs_torch_pruning`` is what
    torch-pruning's counter says, which sees layers and misses correlation, sampling and attention products.
    ``channels_removed``, ``params_removed`` and ``macs_removed`` are the shares of the dense network, 0..1, that
    pruning took: output channels of convolutions and linear layers, parameters, MACs. The details hold ``operations``
    (GMACs by kind), ``parts``: GMACs, parameters and float32 MiB (batch norm's statistics included) of each part and of
    its children, and of the ``whole``; and of a model of several graphs ``graphs``: how often the call runs each, and
    GMACs a run, and ``shared``: GMACs that images of one garment, or of one person, need only once.
    All are the torch network's: what an exporter folds or a runtime skips isn't known here.

    Args:
        steps: of the image of a model that works in steps; null for those of its sampler.

    Raises:
        ValueError: an option out of range.
    """

    columns = (
        "gmacs",
        "gflops",
        "params_m",
        "gmacs_torch_pruning",
        "channels_removed",
        "params_removed",
        "macs_removed",
    )

    def __init__(self, steps: int | None = None) -> None:
        if steps is not None and steps < 1:
            raise ValueError(f"metric.cost.steps={steps}: use 1 or more, or null for the sampler's")
        self.steps = steps

    def measure(self, subject: Subject) -> Measurement:
        model = _of_steps(subject.model, self.steps)
        macs = count_call(model)
        values = {
            "gmacs": macs.total / 1e9,
            "gflops": FLOPS_PER_MAC * macs.total / 1e9,
            "params_m": _parameters(model) / 1e6,
            "gmacs_torch_pruning": count_with_torch_pruning(model) / 1e9,
        }
        if subject.dense is not None:
            values |= _removed(_of_steps(subject.dense, self.steps), model, macs.total)
        details: dict[str, Any] = {
            "operations": {name: {"gmacs": n / 1e9} for name, n in sorted(macs.operations.items())},
            "parts": {name: _describe(part, model, macs) for name, part in (model.parts | {WHOLE: model}).items()},
        }
        if len(graphs := model.graphs()) > 1:
            details["graphs"] = {
                name: {"calls": graph.calls, "gmacs": macs.graphs[name] / 1e9} for name, graph in graphs.items()
            }
            # Latents of a garment do not depend on the person, nor the other way round; all behind them mixes both.
            encoded = macs.graphs["encoder"] / 1e9
            details["shared"] = {"garment": encoded, "person": encoded}
        return Measurement(values, details=details)


def _of_steps(model: TryOnModel, steps: int | None) -> TryOnModel:
    """The same network, whose image takes so many steps."""
    if steps is None or not isinstance(model, StepwiseModel):
        return model
    other = copy.copy(model)
    other.set_sampling(varied(model.schedule, model.sampling, {"steps": steps}))
    return other


def example_inputs(model: TryOnModel) -> dict[str, Tensor]:
    """Black pictures of the model's size, batch 1, on its device: the cost depends on shapes only."""
    reference = next(model.parameters())
    return {
        name: torch.zeros(1, channels, *model.size, dtype=reference.dtype, device=reference.device)
        for name, channels in model.inputs.items()
    }


def count_with_torch_pruning(model: TryOnModel) -> int:
    """MACs of one try-on call by torch-pruning's own counter."""
    from torch_pruning.utils import count_ops_and_params  # heavy, and of no use to other metrics

    total = 0
    for graph in model.graphs().values():
        inputs = tuple(to_device_of(graph.module, graph.example).values())
        # It says what one of the pictures costs that go in together.
        total += graph.calls * len(inputs[0]) * int(count_ops_and_params(graph.module, inputs)[0])
    return total


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _removed(dense: TryOnModel, model: TryOnModel, macs: int) -> dict[str, float]:
    """The ratios that were reached: widths are whole numbers and layers are tied, so that none is what was asked."""
    return {
        "channels_removed": 1 - output_channels(model) / output_channels(dense),
        "params_removed": 1 - _parameters(model) / _parameters(dense),
        "macs_removed": 1 - macs / count_call(dense).total,
    }


def _float32_bytes(module: nn.Module) -> int:
    return sum(
        math.prod(t.shape) * (4 if t.is_floating_point() else t.element_size()) for t in module.state_dict().values()
    )


def _describe(module: nn.Module, model: nn.Module, macs: Macs) -> dict[str, Any]:
    def numbers(one: nn.Module) -> dict[str, Any]:
        name = next(name for name, other in model.named_modules() if other is one)
        return {
            "gmacs": macs.modules.get(name, 0) / 1e9,
            "params_m": _parameters(one) / 1e6,
            "float32_mib": _float32_bytes(one) / MIB,
        }

    children = {name: numbers(child) for name, child in module.named_children()}
    return numbers(module) | {"children": children}
