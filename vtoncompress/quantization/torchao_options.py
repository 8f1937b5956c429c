"""What torchao's PT2E quantization is asked for; its modes here share it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.fx import GraphModule

from vtoncompress.export.base import Tensors
from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization import pt2e
from vtoncompress.quantization.nncf_options import GRANULARITIES, PRESETS

RANGE_ESTIMATORS = ("minmax", "histogram")
"""How the range of an activation follows from what was seen: its extremes, or where rounding costs least."""


class TorchAOOptions:
    """Args:
        mode: that is configured, for messages.
        preset: ``mixed`` gives activations a zero point, ``performance`` puts it in the middle.
        range_estimator: one of :data:`RANGE_ESTIMATORS`.
        granularity: of the weights' scales, ``per_channel`` or ``per_tensor``.

    Raises:
        ValueError: torchao isn't installed, or an unknown choice.
    """

    def __init__(self, mode: str, preset: str, range_estimator: str, granularity: str) -> None:
        pt2e.need_torchao(mode)
        for name, value, choices in (
            ("preset", preset, PRESETS),
            ("range_estimator", range_estimator, RANGE_ESTIMATORS),
            ("granularity", granularity, GRANULARITIES),
        ):
            if value not in choices:
                raise ValueError(f"unknown quantization.{name}={value} of {mode}: choose one of {', '.join(choices)}")
        self.preset, self.range_estimator, self.granularity = preset, range_estimator, granularity

    def quantize(self, model: TryOnModel, layers: Sequence[str], calibration: Sequence[Tensors]) -> GraphModule:
        """The graph of ``model`` with inputs and weights of the convolutions ``layers`` rounded, by torchao.

        Args:
            model: batch norms folded.
            layers: names of convolutions.
            calibration: inputs by which the ranges of activations are found, one or more.
        """
        with pt2e.quiet():
            from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

            prepared = prepare_pt2e(pt2e.trace(model), _quantizer(layers, self._activations(), self._weights()))
            pt2e.calibrate(prepared, calibration)
            converted = convert_pt2e(prepared)
        assert isinstance(converted, GraphModule)
        return converted

    def _activations(self) -> Any:
        """torchao's choice for x86, unsigned, but for the options."""
        import torch
        from torchao.quantization.pt2e import HistogramObserver, MinMaxObserver
        from torchao.quantization.pt2e.quantizer import QuantizationSpec

        return QuantizationSpec(
            dtype=torch.uint8,
            quant_min=0,
            quant_max=255,
            qscheme=torch.per_tensor_affine if self.preset == "mixed" else torch.per_tensor_symmetric,
            observer_or_fake_quant_ctr=HistogramObserver if self.range_estimator == "histogram" else MinMaxObserver,
        )

    def _weights(self) -> Any:
        """torchao's choice for x86 but for its smallest scale, 2^-12: narrow channels would be left with few levels."""
        import torch
        from torchao.quantization.pt2e import MinMaxObserver, PerChannelMinMaxObserver
        from torchao.quantization.pt2e.quantizer import QuantizationSpec

        each = self.granularity == "per_channel"
        return QuantizationSpec(
            dtype=torch.int8,
            quant_min=-128,
            quant_max=127,
            qscheme=torch.per_channel_symmetric if each else torch.per_tensor_symmetric,
            ch_axis=0 if each else None,
            observer_or_fake_quant_ctr=PerChannelMinMaxObserver if each else MinMaxObserver,
        )


def _quantizer(layers: Sequence[str], activations: Any, weights: Any) -> Any:
    """What tells PT2E which inputs to round: those of the convolutions ``layers`` and no others.

    ``X86InductorQuantizer`` told to take each layer by its name takes the same; but it searches the whole graph for
    fourteen patterns a layer, a minute for 146 layers.
    """
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, Quantizer

    class ChosenConvolutions(Quantizer):
        def annotate(self, model: GraphModule) -> GraphModule:
            for node in model.graph.nodes:
                if node.target is pt2e.CONVOLUTION and pt2e.module_of(node) in layers:
                    node.meta["quantization_annotation"] = QuantizationAnnotation(
                        input_qspec_map={node.args[0]: activations, node.args[1]: weights}, _annotated=True
                    )
            return model

        def validate(self, model: GraphModule) -> None:
            """Nothing to find: what is annotated is what was chosen."""

    return ChosenConvolutions()
