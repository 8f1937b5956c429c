"""INT8 convolutions by NNCF, from the ranges that activations take on some calibration pairs; no training."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vtoncompress.export import onnx as onnx_export
from vtoncompress.export import openvino as openvino_export
from vtoncompress.export.base import Tensors
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization.base import Quantization

SCOPES = {"warp": ("warp",), "generator": ("generator",), "warp_and_generator": ("warp", "generator")}
PRESETS = ("mixed", "performance")
CONVOLUTIONS = ("Convolution", "Conv")  # as OpenVINO and as ONNX call them


class NNCFPostTraining(Quantization):
    """Post-training quantization of an exported graph.

    The convolutions of the scope run in INT8, but for those whose result is a coordinate; all else stays float32. NNCF
    left alone also rounds sampling grids, to 256 steps for a whole picture, and the final blending: that costs quality
    and gains no time, because nearly all of it goes into convolutions.

    Ranges reach to the very extremes that were seen, and biases are not corrected, because a feature that is clipped or
    shifted makes the correlation peak elsewhere. A quarter-width network, garment SSIM .7225 in float32, on 64 pairs:
    .7223 as here (flow off by 0.07 px), .7205 with bias correction (0.36 px), .7108 with extremes averaged over the
    samples (0.38 px), .7104 with both (0.60 px), .6986 with NNCF's own choices (1.24 px).

    Args:
        preset: ``mixed`` gives activations of both signs a zero point, ``performance`` none.
        bias_correction: take back the shift that rounding causes in the mean of a layer's results.
        scope: ``warp``, ``generator`` or ``warp_and_generator``.
        tolerance: see :class:`Quantization`.

    Raises:
        ValueError: an unknown preset or scope.
    """

    runtimes = frozenset({"openvino", "onnxruntime"})

    def __init__(
        self,
        preset: str,
        bias_correction: bool,
        scope: str,
        tolerance: float,
    ) -> None:
        if preset not in PRESETS:
            raise ValueError(f"unknown quantization.preset={preset}: choose one of {', '.join(PRESETS)}")
        if scope not in SCOPES:
            raise ValueError(f"unknown quantization.scope={scope}: choose one of {', '.join(SCOPES)}")
        self.preset = preset
        self.bias_correction = bias_correction
        self.scope = scope
        self.tolerance = tolerance

    def prepare(self, model: TryOnModel, calibration: Sequence[Tensors]) -> TryOnModel:
        """``model`` itself: only its exported graph is quantized."""
        return model

    def convert(self, folder: Path, runtime: str, model: TryOnModel, calibration: Sequence[Tensors]) -> None:
        """Quantize the graph in ``folder``.

        Raises:
            ValueError: a runtime that can't run the result, or no calibration pairs.
        """
        if runtime not in self.runtimes:
            raise ValueError(f"nncf_ptq can't quantize for {runtime}: use {' or '.join(sorted(self.runtimes))}")
        if not calibration:
            raise ValueError("nncf_ptq needs calibration pairs")
        # Files are memory-mapped while they are read, so the new ones must not be written over them.
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            if runtime == "openvino":
                graph = openvino_export.read_ir(folder)
                kinds = {node.get_friendly_name(): node.get_type_name() for node in graph.get_ops()}
                openvino_export.write_ir(self._quantize(graph, kinds, model, calibration), Path(fresh))
            else:
                proto = onnx_export.read_onnx(folder)
                kinds = {node.name: node.op_type for node in proto.graph.node}
                onnx_export.write_onnx(self._quantize(proto, kinds, model, calibration), Path(fresh))
            for file in Path(fresh).iterdir():
                os.replace(file, folder / file.name)

    def _quantize(self, graph: Any, kinds: Mapping[str, str], model: TryOnModel, calibration: Sequence[Tensors]) -> Any:
        openvino_export.disable_telemetry()
        import nncf
        from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet

        with _quiet():
            return nncf.quantize(
                graph,
                nncf.Dataset(list(calibration)),
                subset_size=len(calibration),
                preset=nncf.QuantizationPreset(self.preset),
                ignored_scope=nncf.IgnoredScope(names=float_nodes(kinds, model, SCOPES[self.scope])),
                advanced_parameters=AdvancedQuantizationParameters(
                    disable_bias_correction=not self.bias_correction,
                    activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
                ),
            )


def float_nodes(kinds: Mapping[str, str], model: TryOnModel, scope: Sequence[str]) -> list[str]:
    """Names of the nodes to leave in float32.

    Args:
        kinds: operation of each node of the exported graph, by name; the name starts with its module's.
        model: that was exported.
        scope: those of its parts to quantize.
    """
    parts = [model.parts[name] for name in scope]
    quantized = [f"{path}." for path, module in model.named_modules() if any(module is part for part in parts)]
    coordinates = set(model.float_layers())
    nodes = {name: name.removeprefix("__module.").split("/")[0] for name in kinds}
    assert coordinates <= set(nodes.values()), f"not in the graph: {coordinates - set(nodes.values())}"
    return [
        name
        for name, module in nodes.items()
        if kinds[name] not in ("Constant", "Parameter", "Result")
        and not (kinds[name] in CONVOLUTIONS and module.startswith(tuple(quantized)) and module not in coordinates)
    ]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without NNCF's notes and bars: dozens of lines in a sweep's log, none of which calls for action."""
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
