"""INT8 by neural-compressor's autotune: static quantizations in turn, each judged, until one stays within the budget.

What it does: tries the estimators of inc_static with and without zero points on all layers of the scope, then keeps one
of its networks after the other in float32. objective=fid goes by FID alone, as the seed project did; objective=garment
by garment SSIM and FID, each within its budget. The best network so far is always kept: the one with most of the
budget left, or least of it broken; the record lists every trial and says budget_met.
When to pick it: to see which of the toolkit's choices costs what, or to have one that costs too much refused.
What breaks it: FID alone, which is at its best where nobody's garment is changed; few validation pairs, on which FID
mostly counts pairs; and time, for each trial quantizes the network and paints all validation pairs with it.
Measured (results/quantization_modes): openvino 4.4 MiB of 11.2, 0.77 of the time (disturbed), garment SSIM 0.765
(objective=fid), 0.793 (objective=garment) of 0.779.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch.fx import GraphModule

from vtoncompress.export.base import Runtime
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.export.tracing import fold_batch_norms
from vtoncompress.metric.fid import Fid
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization import pt2e
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.inc_options import PRESETS, RANGE_ESTIMATORS, INCOptions, loaded, need_inc, trace
from vtoncompress.quantization.judge import Budget, Judge
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.quantization.trials import Trials

MODE = "inc_autotune"
OBJECTIVES = ("garment", "fid")


@dataclass(frozen=True)
class Candidate:
    """One choice to try: the toolkit's options, and the networks of the scope that stay in float32."""

    options: INCOptions
    kept: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        return {**vars(self.options), "float": list(self.kept)}


class INCAutotune(Quantization):
    """neural-compressor's autotune over :func:`candidates`.

    Args:
        objective: ``garment`` or ``fid``: what a trial is judged by.
        trials: 1 or more; the most that are made.
        budget: see :class:`vtoncompress.quantization.judge.Budget`; with ``objective=fid`` its garment SSIM is ignored.
        features: of FID, see :class:`vtoncompress.quantization.judge.Judge`.
        granularity: of the weights' scales, ``per_channel`` or ``per_tensor``.
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.

    Raises:
        ValueError: an unknown choice, or no neural-compressor.
    """

    runtimes = frozenset({"torch", "torch_compile", "onnxruntime", "openvino"})

    def __init__(
        self,
        objective: str,
        trials: int,
        budget: Mapping[str, float],
        features: str,
        granularity: str,
        modules: Sequence[str],
        float_layers: Sequence[str],
        tolerance: float,
    ) -> None:
        need_inc(MODE)
        if objective not in OBJECTIVES:
            raise ValueError(f"unknown quantization.objective={objective}: choose one of {', '.join(OBJECTIVES)}")
        if trials < 1:
            raise ValueError(f"quantization.trials={trials}: use 1 or more")
        self.budget = Budget.of({**budget, "garment_ssim": math.inf} if objective == "fid" else budget)
        self.objective, self.trials, self.features = objective, trials, features
        Fid(features)  # a wrong choice is told before any work
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.candidates = candidates(self.modules, granularity)[:trials]
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        for candidate in self.candidates:
            quantized_layers(model, self.modules, (*self.float_layers, *candidate.kept))

    def prepare(self, model: TryOnModel, material: Material) -> tuple[TryOnModel, Mapping[str, Any]]:
        """The best network that was tried. ValueError without calibration pairs, or validation pairs with a truth."""
        if not material.calibration:
            raise ValueError(f"{MODE} needs calibration pairs")
        judge = Judge(material.validation, self.features)
        model = fold_batch_norms(model)
        layers = [
            quantized_layers(model, self.modules, (*self.float_layers, *candidate.kept))
            for candidate in self.candidates
        ]
        with loaded(MODE):
            from neural_compressor.torch.quantization import TuningConfig, autotune

            trials = Trials(judge, self.budget)
            configs = [
                candidate.options.static_config(model, names)
                for candidate, names in zip(self.candidates, layers, strict=True)
            ]
            with trials.going_on():
                autotune(
                    trace(model),
                    # A trial is worth its margin, the float network 1: to lose all of that is to reach a margin of 0.
                    TuningConfig(config_set=configs, tolerable_loss=1.0, max_trials=len(configs)),
                    eval_fn=Tuning(model, self.candidates, trials).evaluate,
                    run_fn=lambda graph: pt2e.calibrate(graph, material.calibration),
                )
        best: TryOnModel = trials.best()
        return best, {
            "objective": self.objective,
            "quantized_layers": len(layers[trials.chosen]),
            **trials.record(),
        }


class Tuning:
    """What neural-compressor's loop calls to judge a network.

    The loop returns no network when a config comes twice, and quantizes anew the one that it holds for the best.
    """

    def __init__(self, model: TryOnModel, candidates: Sequence[Candidate], trials: Trials) -> None:
        self.model, self.candidates, self.trials = model, candidates, trials

    def evaluate(self, graph: GraphModule) -> float:
        """The margin of a converted graph; of the first one, which isn't quantized, 1."""
        if self.trials.before is None:
            return self.trials.begin(TorchRuntime(self.model))

        def make() -> tuple[TryOnModel, Runtime]:
            network = pt2e.integer_network(self.model, graph)
            return network, TorchRuntime(network)

        return self.trials.add(make, config=self.candidates[len(self.trials)].described())


def candidates(modules: Sequence[str], granularity: str) -> list[Candidate]:
    """From the smallest to the more careful: everything in INT8 in four ways, then all but one network of the scope."""
    options = [
        INCOptions(preset, estimator, granularity) for preset in PRESETS for estimator in reversed(RANGE_ESTIMATORS)
    ]
    kept = [(module,) for module in modules] if len(modules) > 1 else []
    return [*(Candidate(one) for one in options), *(Candidate(options[0], names) for names in kept)]
