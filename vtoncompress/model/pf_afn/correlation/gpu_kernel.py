"""Correlation and its gradient on a CUDA GPU: the loops, compiled by Triton.

Every program handles some pixels of a row. What it reads again for its neighbours' displacements comes from the GPU's
caches, so that memory is read about once. Sums are float32. With TRITON_INTERPRET=1 set before this module is imported
the same loops run on a CPU, slowly, which is how they are tested.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

PIXELS = 32
"""Of a row, in a program."""
CHANNELS = 16
"""Read at a time."""


@triton.jit
def _correlate(  # type: ignore[no-untyped-def]
    first, second, cost, channels, height, width, D: tl.constexpr, WIDE: tl.constexpr, P: tl.constexpr, C: tl.constexpr
):
    """All displacements to the side for one up or down; ``WIDE`` is a power of two that holds 2 D + 1."""
    window: tl.constexpr = 2 * D + 1
    sample, y = tl.program_id(0) // height, tl.program_id(0) % height
    x = tl.program_id(1) * P + tl.arange(0, P)
    dy, dx = tl.program_id(2) - D, tl.arange(0, WIDE) - D
    far_x = x[None, :] + dx[:, None]
    far_y = tl.full([WIDE, P], 0, tl.int32) + (y + dy)
    reached = (far_x >= 0) & (far_x < width) & (far_y >= 0) & (far_y < height)
    total = tl.zeros([WIDE, P], tl.float32)
    for start in range(0, channels, C):
        channel = start + tl.arange(0, C)
        row = (sample * channels + channel).to(tl.int64) * height
        here = (row[:, None] + y) * width + x[None, :]
        near = tl.load(first + here, mask=(channel[:, None] < channels) & (x[None, :] < width), other=0.0)
        there = (row[:, None, None] + (y + dy)) * width + far_x[None, :, :]
        far = tl.load(second + there, mask=(channel[:, None, None] < channels) & reached[None, :, :], other=0.0)
        total += tl.sum(near[:, None, :].to(tl.float32) * far.to(tl.float32), axis=0)
    shift = (dy + D) * window + dx + D
    to = ((sample * window * window + shift[:, None]).to(tl.int64) * height + y) * width + x[None, :]
    tl.store(cost + to, total, mask=(dx[:, None] <= D) & (x[None, :] < width))


@triton.jit
def _blend(  # type: ignore[no-untyped-def]
    weights, image, result, channels, height, width, D: tl.constexpr, TURNED: tl.constexpr, P: tl.constexpr,
    C: tl.constexpr,
):  # fmt: skip
    """Some channels of some pixels: the sum over all displacements."""
    window: tl.constexpr = 2 * D + 1
    sample, y = tl.program_id(0) // height, tl.program_id(0) % height
    x = tl.program_id(1) * P + tl.arange(0, P)
    channel = tl.program_id(2) * C + tl.arange(0, C)
    row = (sample * channels + channel).to(tl.int64) * height
    total = tl.zeros([C, P], tl.float32)
    for shift in range(window * window):
        dy, dx = shift // window - D, shift % window - D
        far_y = tl.full([P], 0, tl.int32) + (y + dy)
        reached = (x + dx >= 0) & (x + dx < width) & (far_y >= 0) & (far_y < height)
        there = (row[:, None] + (y + dy)) * width + (x + dx)[None, :]
        far = tl.load(image + there, mask=(channel[:, None] < channels) & reached[None, :], other=0.0)
        place = (sample * window * window).to(tl.int64)
        if TURNED:
            own = ((place + window * window - 1 - shift) * height + (y + dy)) * width + x + dx
        else:
            own = ((place + shift) * height + y) * width + x
        share = tl.load(weights + own, mask=reached & (x < width), other=0.0)
        total += share[None, :].to(tl.float32) * far.to(tl.float32)
    to = (row[:, None] + y) * width + x[None, :]
    tl.store(result + to, total, mask=(channel[:, None] < channels) & (x[None, :] < width))


def correlate(first: Tensor, second: Tensor, displacement: int) -> Tensor:
    """(N, C, H, W) twice -> (N, (2d + 1)^2, H, W) in the type of ``first``."""
    first, second = first.contiguous(), second.contiguous()
    samples, channels, height, width = first.shape
    window = 2 * displacement + 1
    cost = torch.empty(samples, window**2, height, width, device=first.device, dtype=torch.float32)
    grid = (samples * height, triton.cdiv(width, PIXELS), window)
    _correlate[grid](
        first, second, cost, channels, height, width, displacement, triton.next_power_of_2(window), PIXELS, CHANNELS
    )
    return cost.to(first.dtype)


def blend(weights: Tensor, image: Tensor, displacement: int, turned: bool) -> Tensor:
    """Weights (N, (2d + 1)^2, H, W) and image (N, C, H, W) -> (N, C, H, W), as of the CPU's operation of this name."""
    weights, image = weights.contiguous(), image.contiguous()
    samples, channels, height, width = image.shape
    result = torch.empty(image.shape, device=image.device, dtype=torch.float32)
    grid = (samples * height, triton.cdiv(width, PIXELS), triton.cdiv(channels, CHANNELS))
    _blend[grid](weights, image, result, channels, height, width, displacement, turned, PIXELS, CHANNELS)
    return result.to(image.dtype)
