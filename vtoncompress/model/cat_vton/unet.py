"""The UNet of Stable Diffusion 1.5 inpainting without its text: cross-attention has no weights any more.

What is left of it is not nothing. A transformer block adds to its features what cross-attention gives for their
normalised copy, and upstream's stand-in gives the copy itself: the block computes ``h + norm2(h)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vtoncompress.model.cat_vton.diffusers_import import import_diffusers

SELF_ATTENTION, CROSS_ATTENTION = "attn1", "attn2"
ENTRIES = 8
"""Modules of an attention layer: upstream numbers all of them, and only every eighth holds the layer itself."""


class NoCrossAttention(nn.Module):
    """Takes the place of a cross-attention layer and gives what it is given."""

    def forward(self, hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
        """(N, tokens, channels), unchanged."""
        return hidden_states


class TimestepTable(nn.Module):
    """What a UNet is told of each timestep, looked up instead of computed.

    It is the sines and cosines of multiples of the timestep. A runtime that computes in bfloat16 gets them wrong: from
    257 on it has not even each whole number, and predicted noise was off by up to 13 % instead of 1 %.

    Args:
        computed: diffusers' ``Timesteps``.
        timesteps: how many there are, from 0.
    """

    table: Tensor

    def __init__(self, computed: nn.Module, timesteps: int) -> None:
        super().__init__()
        self.register_buffer("table", computed(torch.arange(timesteps)), persistent=False)

    def forward(self, timesteps: Tensor) -> Tensor:
        """Whole numbers (N,) -> (N, channels)."""
        return self.table[timesteps]


def build_unet(config: Mapping[str, Any]) -> nn.Module:
    """:func:`build_whole_unet` without its cross-attention."""
    unet = build_whole_unet(config)
    remove_cross_attention(unet)
    return unet


def build_whole_unet(config: Mapping[str, Any]) -> nn.Module:
    """diffusers' ``UNet2DConditionModel`` of ``config``.

    Raises:
        ValueError: a config that diffusers does not take.
    """
    diffusers = import_diffusers()
    try:
        unet: nn.Module = diffusers.UNet2DConditionModel.from_config(dict(config))
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise ValueError(f"model.network.unet is no config of a UNet: {' '.join(str(error).split())}") from error
    return unet


def remove_cross_attention(unet: nn.Module) -> None:
    """Put :class:`NoCrossAttention` in the place of every cross-attention layer."""
    for name, _ in list(unet.named_modules()):
        if name.rpartition(".")[2] == CROSS_ATTENTION:
            unet.set_submodule(name, NoCrossAttention())


class Denoiser(nn.Module):
    """Noisy latents, mask and what is known (N, C + 1 + C, h, w), timestep () or (N,) -> (N, C, h, w), the noise
    or the velocity."""

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, latents: Tensor, timestep: Tensor) -> Tensor:
        noise: Tensor = self.unet(latents, timestep, encoder_hidden_states=None, return_dict=False)[0]
        return noise


def self_attention(unet: nn.Module) -> dict[str, nn.Module]:
    """The self-attention layers by name, in the order in which upstream numbers them."""
    return {name: module for name, module in unet.named_modules() if name.rpartition(".")[2] == SELF_ATTENTION}


def attention_state(unet: nn.Module) -> dict[str, Tensor]:
    """The trainable part as upstream stores it: ``8 * i`` for the i-th layer, then the name within the layer."""
    return {
        f"{ENTRIES * index}.{name}": tensor
        for index, layer in enumerate(self_attention(unet).values())
        for name, tensor in layer.state_dict().items()
    }


@torch.no_grad()
def load_attention_state(unet: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy into the layers what :func:`attention_state` gave. The keys and shapes must have been compared."""
    own = attention_state(unet)
    assert own.keys() == state.keys(), "compared before"
    for name, tensor in own.items():
        tensor.copy_(state[name])
