"""neural-compressor's static INT8 of a traced network, asked for our convolutions only; its modes here share it.

What version 3.10 makes of its options, read in its source:

- ``white_list`` leaves nothing out, because what is not in it is quantized by the global options. So the global options
  say float32, the type ``Conv2d`` says INT8, and convolutions that stay float say float32 by their names.
- Its algorithm ``minmax`` is the range of the first pair, moved by 1 % towards that of each further one; ``kl`` is the
  range of a histogram in which rounding costs least. There is none that reaches to the extremes of all pairs.
- Symmetric activations keep all 256 levels around 0, so that half of them are lost where nothing is negative.
- Weights of one scale a channel take ``minmax`` only; asymmetric ones have no integer convolution in any runtime here.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn
from torch.fx import GraphModule

from vtoncompress.model.base import TryOnModel
from vtoncompress.quantization import pt2e

PRESETS = {"mixed": False, "performance": True}
RANGE_ESTIMATORS = {"moving_average": "minmax", "histogram": "kl"}
GRANULARITIES = ("per_channel", "per_tensor")
NEEDED = ("neural_compressor", "torchao")  # it needs torchao to insert observers


class INCOptions:
    """What neural-compressor is asked for.

    Args:
        preset: ``mixed`` gives activations a zero point, ``performance`` none.
        range_estimator: of activations, ``moving_average`` or ``histogram``.
        granularity: of the weights' scales, ``per_channel`` or ``per_tensor``.

    Raises:
        ValueError: an unknown choice.
    """

    def __init__(self, preset: str, range_estimator: str, granularity: str) -> None:
        for name, value, choices in (
            ("preset", preset, PRESETS),
            ("range_estimator", range_estimator, RANGE_ESTIMATORS),
            ("granularity", granularity, GRANULARITIES),
        ):
            if value not in choices:
                raise ValueError(f"unknown quantization.{name}={value}: choose one of {', '.join(choices)}")
        self.preset, self.range_estimator, self.granularity = preset, range_estimator, granularity

    def static_config(self, model: TryOnModel, layers: Sequence[str]) -> Any:
        """neural-compressor's config: ``layers`` of ``model`` in INT8, all else in float32."""
        from neural_compressor.torch.quantization import INT8StaticQuantConfig

        float32 = {"w_dtype": "fp32", "act_dtype": "fp32"}
        config = INT8StaticQuantConfig(**float32)
        integers = INT8StaticQuantConfig(
            act_sym=PRESETS[self.preset],
            act_algo=RANGE_ESTIMATORS[self.range_estimator],
            w_granularity=self.granularity,
        )
        config.set_local(nn.Conv2d, integers)
        for name, layer in model.named_modules():
            if isinstance(layer, nn.Conv2d) and name not in layers:
                config.set_local(name, INT8StaticQuantConfig(**float32))
        return config


def need_inc(mode: str) -> None:
    """ValueError where neural-compressor isn't installed; loads nothing."""
    if any(importlib.util.find_spec(package) is None for package in NEEDED):
        raise ValueError(f"quantization={mode} needs neural-compressor: pip install 'vtoncompress[inc]'")


def trace(model: TryOnModel) -> GraphModule:
    """The graph of ``model`` as neural-compressor takes it.

    Only convolutions still know which function of torch they call. By it neural-compressor also finds sums and
    activations to round, and compares each convolution with each of them, hundreds of thousands of times.
    """
    graph = pt2e.trace(model)
    for node in graph.graph.nodes:
        if node.target is not pt2e.CONVOLUTION:
            node.meta.pop("torch_fn", None)
            node.meta.pop("source_fn_stack", None)
    # What its own export notes; that one keeps positions of inputs and loses their names.
    graph._exported, graph.dynamic_shapes = True, None  # type: ignore[assignment]
    return graph


@contextlib.contextmanager
def loaded(mode: str) -> Iterator[None]:
    """With neural-compressor imported and its log, dozens of lines a layer, off. ValueError where it can't be."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with pt2e.quiet():
            try:
                import neural_compressor.torch.algorithms.pt2e_quant.core
                import neural_compressor.torch.quantization  # noqa: F401
            except Exception as error:  # whatever a broken package raises
                raise ValueError(
                    f"quantization={mode}: neural-compressor can't be imported ({_first_line(error)}): "
                    "pip install --force-reinstall 'vtoncompress[inc]'"
                ) from error
            yield
    finally:
        logging.disable(disabled)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
