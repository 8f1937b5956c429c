"""What the time of a convolution depends on, besides its channels. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

PRECISIONS = ("f32", "int8")


@dataclass(frozen=True, order=True)
class Geometry:
    """A square kernel, its stride, and the height and width of its input; its padding keeps the size at stride 1."""

    kernel: int
    stride: int
    height: int
    width: int

    def macs(self, inputs: int, outputs: int) -> int:
        """Multiply-accumulates from ``inputs`` to ``outputs`` channels."""
        pixels = -(-self.height // self.stride) * -(-self.width // self.stride)
        return pixels * inputs * outputs * self.kernel**2
