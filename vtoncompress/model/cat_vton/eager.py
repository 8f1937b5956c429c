"""The networks run by eager PyTorch, for the loop that every runtime shares."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from vtoncompress.sampling.base import Array


class EagerNetworks:
    """See :class:`vtoncompress.sampling.denoising.Networks`.

    Args:
        encoder, denoiser, decoder: of one model.
        deep, outer: the denoiser cut in two, see :mod:`vtoncompress.model.cat_vton.split_unet`.
        device: where they are.
    """

    def __init__(
        self,
        encoder: nn.Module,
        denoiser: nn.Module,
        decoder: nn.Module,
        deep: nn.Module,
        outer: nn.Module,
        device: torch.device,
    ) -> None:
        self._encoder, self._denoiser, self._decoder, self._device = encoder, denoiser, decoder, device
        self._deep, self._outer = deep, outer

    def encode(self, picture: Array) -> Array:
        return self._run(self._encoder, picture)[0]

    def predict(self, latents: Array, timestep: int) -> Array:
        return self._run(self._denoiser, latents, timestep)[0]

    def predict_deep(self, latents: Array, timestep: int) -> tuple[Array, Array]:
        noise, features = self._run(self._deep, latents, timestep)
        return noise, features

    def predict_outer(self, latents: Array, timestep: int, features: Array) -> Array:
        return self._run(self._outer, latents, timestep, features)[0]

    def decode(self, latents: Array) -> Array:
        return self._run(self._decoder, latents)[0]

    @torch.no_grad()
    def _run(self, network: nn.Module, *inputs: Array | int) -> list[Array]:
        results: Tensor | tuple[Tensor, ...] = network(*(self._tensor(value) for value in inputs))
        return [one.cpu().numpy() for one in (results if isinstance(results, tuple) else (results,))]

    def _tensor(self, value: Array | int) -> Tensor:
        if isinstance(value, int):
            return torch.tensor(value, device=self._device)
        return torch.from_numpy(np.ascontiguousarray(value)).to(self._device)
