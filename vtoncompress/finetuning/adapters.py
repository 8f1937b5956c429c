"""From a student's features to its teacher's, which have other channels (FitNets, Romero et al., ICLR 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

RIDGE = 1e-3
"""Of the mean variance of the student's channels; a batch may have fewer pixels on a coarse level than channels."""


class Adapters(nn.ModuleList):
    """One 1x1 convolution for each feature map whose widths differ; where they agree channels mean the same.

    Args:
        student, teacher: features of one batch, (N, C, h, w) each; C alone may differ between the two.
    """

    def __init__(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> None:
        super().__init__(
            nn.Identity() if x.shape[1] == y.shape[1] else _zero_convolution(x.shape[1], y.shape[1])
            for x, y in zip(student, teacher, strict=True)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [adapter(x) for adapter, x in zip(self, features, strict=True)]

    @torch.no_grad()
    def fit(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> None:
        """Set each to the best linear map on these features (ridge regression), from which it then learns on.

        A random one would at first pull the student nowhere.
        """
        for adapter, x, y in zip(self, student, teacher, strict=True):
            if isinstance(adapter, nn.Conv2d):
                weight, bias = _best_map(_columns(x), _columns(y))
                adapter.weight.copy_(weight[..., None, None])
                assert adapter.bias is not None
                adapter.bias.copy_(bias)


def _zero_convolution(channels_in: int, channels_out: int) -> nn.Conv2d:
    """No random number is drawn, so that what comes after does not depend on whether there was an adapter."""
    convolution: nn.Conv2d = nn.utils.skip_init(nn.Conv2d, channels_in, channels_out, 1)
    for parameter in convolution.parameters():
        nn.init.zeros_(parameter)
    return convolution


def _columns(features: Tensor) -> Tensor:
    """(N, C, h, w) -> (C, N h w) in float64, in which the sums over many pixels lose nothing."""
    return features.double().transpose(0, 1).flatten(1)


def _best_map(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    mean_x, mean_y = x.mean(1, keepdim=True), y.mean(1, keepdim=True)
    x, y = x - mean_x, y - mean_y
    covariance = x @ x.T
    ridge = RIDGE * covariance.diagonal().mean() * torch.eye(len(x), dtype=x.dtype, device=x.device)
    weight = torch.linalg.solve(covariance + ridge, x @ y.T).T
    return weight, (mean_y - weight @ mean_x)[:, 0]
