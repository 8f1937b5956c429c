"""NNCF's 8-bit quantization of an exported graph with our choice of its many options; its modes here share it."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from vtoncompress.export.base import Tensors
from vtoncompress.export.openvino_ir import disable_telemetry

PRESETS = ("mixed", "performance")
GRANULARITIES = ("per_channel", "per_tensor")
RANGE_ESTIMATORS = ("minmax", "mean_minmax", "median_minmax", "mean_quantile", "histogram")
"""How the range of an activation follows from what was seen: the very extremes, the mean or the median of each pair's,
the mean of each pair's 0.01st and 99.99th percentile, or the range of a histogram in which rounding costs least."""


class NNCFOptions:
    """What NNCF is asked for.

    Args:
        preset: ``mixed`` gives activations of both signs a zero point, ``performance`` none.
        bias_correction: take back the shift that rounding causes in the mean of a layer's results.
        range_estimator: one of :data:`RANGE_ESTIMATORS`.
        granularity: of the weights' scales, one of :data:`GRANULARITIES`.

    Raises:
        ValueError: an unknown choice.
    """

    def __init__(self, preset: str, bias_correction: bool, range_estimator: str, granularity: str) -> None:
        for name, value, choices in (
            ("preset", preset, PRESETS),
            ("range_estimator", range_estimator, RANGE_ESTIMATORS),
            ("granularity", granularity, GRANULARITIES),
        ):
            if value not in choices:
                raise ValueError(f"unknown quantization.{name}={value}: choose one of {', '.join(choices)}")
        self.preset, self.bias_correction = preset, bias_correction
        self.range_estimator, self.granularity = range_estimator, granularity

    def quantize(
        self,
        graph: Any,
        float_nodes: Sequence[str],
        calibration: Sequence[Tensors],
        smooth_quant: float | None = None,
    ) -> Any:
        """``graph``, an OpenVINO or ONNX one, with all but ``float_nodes`` in INT8.

        ``smooth_quant``: None, or for a graph with attention what :func:`check_smooth_quant` takes.
        """
        disable_telemetry()
        import nncf

        arguments = self.arguments(float_nodes, calibration, smooth_quant)
        with quiet():
            return nncf.quantize(graph, nncf.Dataset(list(calibration)), **arguments)

    def arguments(
        self, float_nodes: Sequence[str], calibration: Sequence[Tensors], smooth_quant: float | None = None
    ) -> dict[str, Any]:
        """Of ``nncf.quantize`` and its like; ``smooth_quant`` as for :meth:`quantize`."""
        import nncf
        from nncf.quantization.advanced_parameters import (
            AdvancedQuantizationParameters,
            AdvancedSmoothQuantParameters,
            QuantizationParameters,
        )
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet as Estimators

        estimators = {
            "minmax": Estimators.MINMAX,
            "mean_minmax": Estimators.MEAN_MINMAX,
            "median_minmax": Estimators.MEDIAN_MINMAX,
            "mean_quantile": Estimators.MEAN_QUANTILE,
            "histogram": Estimators.HISTOGRAM,
        }
        return {
            "subset_size": len(calibration),
            "preset": nncf.QuantizationPreset(self.preset),
            "ignored_scope": nncf.IgnoredScope(names=list(float_nodes)),
            "model_type": None if smooth_quant is None else nncf.ModelType.TRANSFORMER,
            "advanced_parameters": AdvancedQuantizationParameters(
                disable_bias_correction=not self.bias_correction,
                activations_range_estimator_params=estimators[self.range_estimator],
                weights_quantization_params=QuantizationParameters(
                    per_channel=False if self.granularity == "per_tensor" else None  # None is NNCF's per channel
                ),
                smooth_quant_alphas=AdvancedSmoothQuantParameters(matmul=-1 if smooth_quant is None else smooth_quant),
            ),
        }


def check_smooth_quant(smooth_quant: float) -> None:
    """SmoothQuant (Xiao et al. 2023): the share of an activation's outliers that the weights behind it take over.

    Raises:
        ValueError: it is not 0..1, or -1 for none.
    """
    if smooth_quant != -1 and not 0 <= smooth_quant <= 1:
        raise ValueError(f"quantization.smooth_quant={smooth_quant}: use 0 to 1, or -1 to leave it out")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without NNCF's notes and bars: dozens of lines in a sweep's log, none of which calls for action."""
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
