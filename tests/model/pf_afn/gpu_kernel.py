"""What test_gpu_kernel.py runs in a process of its own: Triton's kernels against the loop.

Triton reads TRITON_INTERPRET when it is imported, and other tests may have imported it without.
"""

from __future__ import annotations

import torch

from vtoncompress.model.pf_afn.correlation import correlation, gpu_kernel

# Odd sizes, a row longer than a program's, more channels than are read at a time, and another displacement than 3.
CASES = [((2, 3, 5, 7), 3), ((1, 17, 2, 35), 3), ((1, 5, 4, 9), 1)]


def main(device: str) -> None:
    """AssertionError where value or gradients differ from the loop's."""
    for shape, displacement in CASES:
        generator = torch.Generator().manual_seed(0)
        first, second = (torch.randn(shape, generator=generator).to(device).requires_grad_() for _ in range(2))
        expected = correlation(first, second, displacement)
        found = gpu_kernel.correlate(first.detach(), second.detach(), displacement)
        torch.testing.assert_close(found, expected.detach(), rtol=1e-5, atol=1e-5)
        gradient = torch.randn(expected.shape, generator=generator).to(device)
        expected.backward(gradient)
        for other, wanted, turned in ((second, first.grad, False), (first, second.grad, True)):
            found = gpu_kernel.blend(gradient, other.detach(), displacement, turned)
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    ones = torch.full((1, 40, 2, 3), 8.0, dtype=torch.float16, device=device)
    cost = gpu_kernel.correlate(ones, ones, 1)  # summed in float32
    assert cost.dtype == torch.float16
    assert cost[0, 4, 1, 1] == 40 * 64
    print("equal")
