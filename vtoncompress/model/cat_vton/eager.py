"""The three networks run by eager PyTorch, for the loop that every runtime shares."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from vtoncompress.sampling.base import Array


class EagerNetworks:
    """See :class:`vtoncompress.sampling.call.Networks`.

    Args:
        encoder, denoiser, decoder: of one model.
        device: where they are.
    """

    def __init__(self, encoder: nn.Module, denoiser: nn.Module, decoder: nn.Module, device: torch.device) -> None:
        self._encoder, self._denoiser, self._decoder, self._device = encoder, denoiser, decoder, device

    def encode(self, picture: Array) -> Array:
        return self._run(self._encoder, picture)

    def predict(self, latents: Array, timestep: int) -> Array:
        return self._run(self._denoiser, latents, torch.tensor(timestep, device=self._device))

    def decode(self, latents: Array) -> Array:
        return self._run(self._decoder, latents)

    @torch.no_grad()
    def _run(self, network: nn.Module, array: Array, *others: torch.Tensor) -> Array:
        result: Array = network(torch.from_numpy(np.ascontiguousarray(array)).to(self._device), *others).cpu().numpy()
        return result
