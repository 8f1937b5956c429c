"""No quantization: float32."""

from __future__ import annotations

from typing import Any

from vtoncompress.quantization.base import Quantization

# Float32 runtimes differ from torch by 0.0001 levels of 255 on a trained network, bfloat16 ones by whole levels.
TOLERANCE = 0.05


class NoQuantization(Quantization):
    """Leaves everything as it is. Takes the options of the others, so that a sweep over ``quantization`` composes."""

    runtimes = frozenset({"torch", "torch_compile", "onnxruntime", "openvino"})
    step_runtimes = frozenset({"torch", "onnxruntime", "openvino"})

    def __init__(self, **_: Any) -> None:
        self.tolerance = TOLERANCE
