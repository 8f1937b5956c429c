"""INT8 convolutions by NNCF, of which it takes back to float32 those that cost most, until a budget is met.

What it does: post-training quantization as nncf_ptq, judged on validation pairs by garment SSIM and FID, each within
its budget. Where too much is lost, NNCF ranks the layers by the garment SSIM that each gives back when it alone returns
to float32, and returns one after the other. The best network so far is always kept: the one with most of the budget
left, or least of it broken; the record lists every trial and says budget_met and which layers are float again.
When to pick it: to guarantee what INT8 may lose, with as few layers in float32 as it takes. Where nncf_ptq is within
the budget already the two are the same network, and this one took longer.
What breaks it: losses that no single layer makes (ranking sees one at a time); few validation pairs, on which FID
mostly counts pairs; time, for ranking compiles the network once a layer, and each trial paints all validation pairs.
Measured (results/quantization_modes): openvino 4.1 MiB of 11.2, 0.68 of the time (disturbed), garment SSIM 0.779 of
0.779.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from vtoncompress.data.base import Pair
from vtoncompress.export.base import Runtime, Tensors
from vtoncompress.export.graph_edit import edited_graph
from vtoncompress.export.openvino_ir import disable_telemetry, store_integers
from vtoncompress.metric.base import Batch, Prediction
from vtoncompress.metric.fid import Fid
from vtoncompress.metric.garment import GarmentLikeness
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization.base import Material, Quantization
from vtoncompress.quantization.judge import Budget, Judge
from vtoncompress.quantization.layers import CONVOLUTIONS, float_nodes, module_of, quantized_layers
from vtoncompress.quantization.nncf_options import NNCFOptions, quiet
from vtoncompress.quantization.trials import BROKEN, Trials
from vtoncompress.try_on import to_image, to_tensors

INTEGERS = ("FakeQuantize", "DequantizeLinear")
"""What gives a convolution its input where it runs in INT8, as OpenVINO and as ONNX call it."""
WORST = -1.0
"""The lowest SSIM."""


class NNCFAccuracyControl(Quantization):
    """Post-training quantization of an exported graph within a budget.

    Args:
        budget: see :class:`vtoncompress.quantization.judge.Budget`.
        features: of FID, see :class:`vtoncompress.quantization.judge.Judge`.
        trials: 1 or more; the most layers that NNCF tries to take back.
        ranking_pairs: 1 or more; validation pairs on which layers are ranked.
        preset, bias_correction, range_estimator, granularity: see
            :class:`vtoncompress.quantization.nncf_options.NNCFOptions`.
        modules, float_layers: see :func:`vtoncompress.quantization.layers.quantized_layers`.
        tolerance: see :class:`Quantization`.

    Raises:
        ValueError: an unknown choice, or a number out of range.
    """

    runtimes = frozenset({"openvino", "onnxruntime"})

    def __init__(
        self,
        budget: Mapping[str, float],
        features: str,
        trials: int,
        ranking_pairs: int,
        preset: str,
        bias_correction: bool,
        range_estimator: str,
        granularity: str,
        modules: Sequence[str],
        float_layers: Sequence[str],
        tolerance: float,
    ) -> None:
        for name, value in (("trials", trials), ("ranking_pairs", ranking_pairs)):
            if value < 1:
                raise ValueError(f"quantization.{name}={value}: use 1 or more")
        self.budget, self.features = Budget.of(budget), features
        Fid(features)  # a wrong choice is told before any work
        self.trials, self.ranking_pairs = trials, ranking_pairs
        self.options = NNCFOptions(preset, bias_correction, range_estimator, granularity)
        self.modules, self.float_layers = tuple(modules), tuple(float_layers)
        self.tolerance = tolerance

    def check(self, model: TryOnModel) -> None:
        """ValueError for layers that don't fit the network."""
        quantized_layers(model, self.modules, self.float_layers)

    def convert(self, folder: Path, runtime: str, model: TryOnModel, material: Material) -> Mapping[str, Any]:
        """Quantize the graph in ``folder``. ValueError without calibration pairs, or validation pairs with a truth."""
        if not material.calibration:
            raise ValueError("nncf_accuracy needs calibration pairs")
        trials = Trials(Judge(material.validation, self.features), self.budget)
        layers = quantized_layers(model, self.modules, self.float_layers)
        with edited_graph(folder, runtime) as graph:
            control = _Control(runtime, tuple(model.inputs), material.validation, trials)
            self._quantize(graph.proto, float_nodes(graph.kinds, layers), material.calibration, control)
            graph.proto = control.best()
            left = _integer_layers(graph.proto, runtime)
        again = [name for name in layers if name not in left]
        return {"quantized_layers": len(left), "float_again": again, **trials.record()}

    def _quantize(
        self, graph: Any, float_nodes: Sequence[str], calibration: Sequence[Tensors], control: _Control
    ) -> None:
        disable_telemetry()
        import nncf

        arguments = self.options.arguments(float_nodes, calibration)
        restoring = nncf.AdvancedAccuracyRestorerParameters(
            max_num_iterations=self.trials, ranking_subset_size=self.ranking_pairs, num_ranking_workers=1
        )
        with quiet(), control.watching(), control.trials.going_on():
            control.returned = nncf.quantize_with_accuracy_control(
                graph,
                nncf.Dataset(list(calibration)),
                nncf.Dataset(range(len(control.pairs))),
                control.validate,
                # A trial is worth its margin and the float network 1: to lose all of that is to reach a margin of 0.
                max_drop=1.0,
                drop_type=nncf.DropType.ABSOLUTE,
                advanced_quantization_parameters=arguments.pop("advanced_parameters"),
                advanced_accuracy_restorer_parameters=restoring,
                **arguments,
            )


class _Control:
    """What NNCF's loop calls to judge a network. The loop returns what it tried last, which need not be the best."""

    def __init__(self, runtime: str, inputs: tuple[str, ...], pairs: Sequence[Pair], trials: Trials) -> None:
        self.runtime, self.inputs, self.pairs, self.trials = runtime, inputs, pairs, trials
        self.returned: Any = None
        self._graph: Any = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within it, the graph that NNCF compiles to be judged is known: it hands over only the compiled network."""
        from nncf.quantization.algorithms.accuracy_control.evaluator import Evaluator

        prepare = Evaluator.prepare_model

        def watched(evaluator: Any, graph: Any) -> Any:
            self._graph = graph
            return prepare(evaluator, graph)

        with mock.patch.object(Evaluator, "prepare_model", watched):
            yield

    def validate(self, compiled: Any, places: Iterable[int]) -> tuple[float, list[float]]:
        """The margin on all validation pairs, or on some of them, by which layers are ranked, garment SSIM.

        Beside it the garment SSIM of each pair. The first network that sees all pairs is the one in float32.
        """
        runtime, chosen = _Recorded(compiled, self.runtime, self.inputs), [self.pairs[place] for place in places]
        if len(chosen) < len(self.pairs):
            likeness = [_garment_ssim(pair, runtime(_inputs(pair))["image"]) for pair in chosen]
            return sum(likeness) / len(likeness), likeness
        if self.trials.before is None:
            margin = self.trials.begin(runtime)
        else:
            margin = self.trials.add(lambda: (self._graph, runtime))
        if margin == BROKEN:
            return margin, [WORST] * len(chosen)
        return margin, [_garment_ssim(pair, image) for pair, image in zip(chosen, runtime.images, strict=True)]

    def best(self) -> Any:
        """The graph of the best trial, its weights stored as integers. ValueError where every one was broken."""
        best = self.trials.best()
        if best is not self.returned:  # what NNCF returns it has stored so itself
            if self.runtime == "openvino":
                store_integers(best)
            else:
                from nncf.onnx.graph.passes import compress_quantize_weights_transformation

                compress_quantize_weights_transformation(best)
        return best


class _Recorded(Runtime):
    """What NNCF hands over to be judged, a compiled OpenVINO network or an ONNX graph; remembers its pictures."""

    def __init__(self, compiled: Any, runtime: str, inputs: tuple[str, ...]) -> None:
        self.name, self.inputs, self.images = runtime, inputs, list[Any]()
        if runtime == "openvino":
            from nncf.openvino.engine import OVCompiledModelEngine

            self._engine = OVCompiledModelEngine(compiled, stateful=False)
        else:
            from nncf.onnx.engine import ONNXEngine

            self._engine = ONNXEngine(compiled)

    def __call__(self, inputs: Tensors) -> Tensors:
        outputs: Tensors = self._engine.infer({name: inputs[name] for name in self.inputs})
        self.images.append(outputs["image"])
        return outputs

    def describe(self) -> dict[str, Any]:
        return {"runtime": self.name}


def _inputs(pair: Pair) -> Tensors:
    return to_tensors(pair.person, pair.garment, pair.garment_mask)


def _garment_ssim(pair: Pair, image: Any) -> float:
    """0 where the garment is hidden: such a pair tells no layer from another; the worst where the picture is NaN."""
    if np.isnan(image).any():
        return WORST
    garment = GarmentLikeness()
    garment.update(Batch([pair], [Prediction(to_image(image))]))
    value = garment.compute().values.get("ssim_garment", 0.0)
    return 0.0 if math.isnan(value) else value


def _integer_layers(graph: Any, runtime: str) -> set[str]:
    """Modules of the convolutions whose input is rounded to integers."""
    if runtime == "openvino":
        return {
            module_of(node.get_friendly_name())
            for node in graph.get_ops()
            if node.get_type_name() in CONVOLUTIONS and node.input_value(0).get_node().get_type_name() in INTEGERS
        }
    made_by = {output: node.op_type for node in graph.graph.node for output in node.output}
    return {
        module_of(node.name)
        for node in graph.graph.node
        if node.op_type in CONVOLUTIONS and made_by.get(node.input[0]) in INTEGERS
    }
