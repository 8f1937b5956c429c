"""Correlation through a compiled kernel, as an operation that torch knows: differentiable, also twice, and opaque to
``torch.compile``. On a CPU the kernel is numba's, on a CUDA GPU Triton's.

On a CPU the first call of a process loads numba and the kernel: a second of a core with its cache, 7 to 10 s without.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtoncompress.model.pf_afn.correlation.loop import DISPLACEMENT
from vtoncompress.model.pf_afn.correlation.team import share_out

BLOCK_ROWS = 32
"""Most rows of a block: more of them share what is copied for the rows in their reach."""
LEAST_MACS = 2_000_000
"""Work below which a second thread costs more than it brings, in multiply-accumulates."""


def compiled_correlation(first: Tensor, second: Tensor, displacement: int = DISPLACEMENT) -> Tensor:
    """:func:`~vtoncompress.model.pf_afn.correlation.loop.correlation` for tensors of up to 32 bits.

    Sums are float32; the result has the type of ``first``. On a CPU threads are as many as torch's.

    Raises:
        ValueError: maps of different shapes, or for tensors on a GPU, Triton is not installed.
    """
    result: Tensor = _correlate(first, second, displacement)
    return result


@torch.library.custom_op(
    "vtoncompress::correlate",
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor first, Tensor second, int displacement) -> Tensor",
)
def _correlate(first: Tensor, second: Tensor, displacement: int) -> Tensor:
    _check_same(first.shape, second.shape)
    samples, _, height, width = first.shape
    cost = torch.empty(samples, (2 * displacement + 1) ** 2, height, width)
    arrays = (_flat(first), _flat(second), cost.numpy().reshape(-1))
    kernel = _kernel()
    _share_out(kernel.correlate, kernel.correlate_share, arrays, first.shape, displacement)
    return cost.to(first.dtype)


@torch.library.custom_op(
    "vtoncompress::blend",
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor weights, Tensor image, int displacement, bool turned) -> Tensor",
)
def _blend(weights: Tensor, image: Tensor, displacement: int, turned: bool) -> Tensor:
    """The sum over displacements s of ``weights`` (N, (2d + 1)^2, H, W) at p for s times ``image`` at p + s.

    With ``turned`` the weight is that at p + s for -s. So it is the gradient of a correlation for its first map and,
    turned, for its second; its own gradients are a correlation and itself.
    """
    samples, _, height, width = image.shape
    _check_same(weights.shape, (samples, (2 * displacement + 1) ** 2, height, width))
    result = torch.empty(image.shape)
    arrays = (_flat(weights), _flat(image), result.numpy().reshape(-1))
    kernel = _kernel()
    _share_out(kernel.blend, kernel.blend_share, arrays, image.shape, displacement, turned)
    return result.to(image.dtype)


@_correlate.register_kernel("cuda")
def _(first: Tensor, second: Tensor, displacement: int) -> Tensor:
    _check_same(first.shape, second.shape)
    with torch.cuda.device(first.device):
        result: Tensor = _gpu_kernel().correlate(first, second, displacement)
    return result


@_blend.register_kernel("cuda")
def _(weights: Tensor, image: Tensor, displacement: int, turned: bool) -> Tensor:
    with torch.cuda.device(image.device):
        result: Tensor = _gpu_kernel().blend(weights, image, displacement, turned)
    return result


@_correlate.register_fake
def _(first: Tensor, second: Tensor, displacement: int) -> Tensor:
    samples, _, height, width = first.shape
    return first.new_empty(samples, (2 * displacement + 1) ** 2, height, width)


@_blend.register_fake
def _(weights: Tensor, image: Tensor, displacement: int, turned: bool) -> Tensor:
    return torch.empty_like(image, memory_format=torch.contiguous_format)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    one, other, *ctx.options = inputs
    ctx.save_for_backward(one, other)


def _correlate_backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    first, second = context.saved_tensors
    (displacement,) = context.options
    wanted = context.needs_input_grad
    return (
        _blend(gradient, second, displacement, False).to(first.dtype) if wanted[0] else None,
        _blend(gradient, first, displacement, True).to(second.dtype) if wanted[1] else None,
        None,
    )


def _blend_backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    weights, image = context.saved_tensors
    displacement, turned = context.options
    wanted = context.needs_input_grad
    pair = (image, gradient) if turned else (gradient, image)
    return (
        _correlate(*pair, displacement).to(weights.dtype) if wanted[0] else None,
        _blend(weights, gradient, displacement, not turned).to(image.dtype) if wanted[1] else None,
        None,
        None,
    )


_correlate.register_autograd(_correlate_backward, setup_context=_keep)
_blend.register_autograd(_blend_backward, setup_context=_keep)


def _check_same(shape: Sequence[int], other: Sequence[int]) -> None:
    """The kernels don't look where they read."""
    if tuple(shape) != tuple(other):
        raise ValueError(f"the correlation's maps have shapes {tuple(shape)} and {tuple(other)}: the same is needed")


def _flat(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.detach().float().contiguous().numpy().reshape(-1)


def _kernel() -> ModuleType:
    # numba takes longer to import than torch's own operations to compute: only where it is used.
    from vtoncompress.model.pf_afn.correlation import kernel

    return kernel


def _gpu_kernel() -> ModuleType:
    try:
        from vtoncompress.model.pf_afn.correlation import gpu_kernel
    except ModuleNotFoundError as error:
        raise ValueError("model.network.correlation=triton needs Triton: pip install triton") from error
    return gpu_kernel


def _share_out(
    run: Any, share: Any, arrays: tuple[Any, ...], shape: Sequence[int], displacement: int, *options: bool
) -> None:
    samples, channels, height, width = shape
    work = samples * channels * height * width * (2 * displacement + 1) ** 2
    threads = torch.get_num_threads() if work >= LEAST_MACS else 1
    rows = max(1, min(BLOCK_ROWS, height, samples * height // (2 * threads)))
    sizes = (channels, height, width, displacement, rows)
    share_out(run, share, arrays, sizes, samples * -(-height // rows), threads, *options)
