"""The UNet cut where its deep layers end, whose features can be kept from one step for the next (Ma et al. 2024).

The way up has as many layers as the way down left features for it. The last ``layers`` of it are the outer ones: they
need what the deep ones made, and of the way down only its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

Block = Any  # of diffusers, whose attributes torch's types don't know


class DeepDenoiser(nn.Module):
    """All layers: what :class:`vtoncompress.model.cat_vton.unet.Denoiser` takes -> its prediction, and deep
    features.

    Args:
        unet: as it is.
        layers: outer ones, 1 or more, fewer than :func:`up_layers`.
    """

    def __init__(self, unet: nn.Module, layers: int) -> None:
        super().__init__()
        self.unet, self.layers = unet, layers

    def forward(self, latents: Tensor, timestep: Tensor) -> tuple[Tensor, Tensor]:
        unet: Block = self.unet
        time = _time(unet, latents, timestep)
        skips = [*_down(unet, unet.conv_in(latents), time)]
        features, layers = unet.mid_block(skips[-1], time, encoder_hidden_states=None), up_layers(unet)
        sizes = [skip.shape[2:] for skip in skips]
        features = _up(unet, features, skips[self.layers :], time, range(layers - self.layers), sizes)
        return _outer(unet, features, skips[: self.layers], time, sizes), features


class OuterDenoiser(nn.Module):
    """The outer layers alone: the same and features (N, F, y, x) of another timestep -> (N, C, h, w)."""

    def __init__(self, unet: nn.Module, layers: int) -> None:
        super().__init__()
        self.unet, self.layers = unet, layers

    def forward(self, latents: Tensor, timestep: Tensor, features: Tensor) -> Tensor:
        unet: Block = self.unet
        time, skips = _time(unet, latents, timestep), list[Tensor]()
        for skip in _down(unet, unet.conv_in(latents), time):
            skips.append(skip)
            if len(skips) == self.layers:
                break
        return _outer(unet, features, skips, time, [skip.shape[2:] for skip in skips])


def up_layers(unet: Block) -> int:
    """Layers of the way up."""
    return sum(len(block.resnets) for block in unet.up_blocks)


def check_layers(unet: nn.Module, layers: int) -> None:
    """ValueError where so many layers leave none to be deep."""
    if layers >= (count := up_layers(unet)):
        raise ValueError(
            f"sampling.reuse_layers={layers}: the way up of this UNet has {count} layers, use 1 to {count - 1}"
        )


def feature_shape(unet: nn.Module, layers: int, latents: Tensor) -> list[int]:
    """Of the features that :class:`DeepDenoiser` gives for ``latents``; nothing is computed."""
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        _, features = DeepDenoiser(unet, layers)(torch.zeros(latents.shape), torch.tensor(1))
    return [*features.shape]


def _time(unet: Block, latents: Tensor, timestep: Tensor) -> Tensor:
    embedded: Tensor = unet.time_embedding(unet.get_time_embed(sample=latents, timestep=timestep))
    return embedded


def _down(unet: Block, hidden: Tensor, time: Tensor) -> Iterator[Tensor]:
    """What the way down leaves for the way up, the outermost first; computed as it is asked for."""
    yield hidden
    for block in unet.down_blocks:
        for index in range(len(block.resnets)):
            hidden = _layer(block, index, hidden, time)
            yield hidden
        for downsampler in block.downsamplers or ():
            hidden = downsampler(hidden)
            yield hidden


def _outer(unet: Block, hidden: Tensor, skips: list[Tensor], time: Tensor, sizes: list[torch.Size]) -> Tensor:
    layers = up_layers(unet)
    hidden = _up(unet, hidden, skips, time, range(layers - len(skips), layers), sizes)
    noise: Tensor = unet.conv_out(unet.conv_act(unet.conv_norm_out(hidden)))
    return noise


def _up(
    unet: Block, hidden: Tensor, skips: list[Tensor], time: Tensor, layers: range, sizes: list[torch.Size]
) -> Tensor:
    """Through some layers of the way up, each of which takes the last of ``skips`` that is left.

    ``sizes``: of all that the way down left, by which a picture that could not be halved evenly is upsampled.
    """
    left, place = list(skips), 0
    for block in unet.up_blocks:
        for index in range(len(block.resnets)):
            if place in layers:
                hidden = _layer(block, index, torch.cat([hidden, left.pop()], 1), time)
                if index == len(block.resnets) - 1:
                    for upsampler in block.upsamplers or ():
                        hidden = upsampler(hidden, _uneven(hidden, sizes, up_layers(unet) - place - 2))
            place += 1
    return hidden


def _uneven(hidden: Tensor, sizes: list[torch.Size], skip: int) -> torch.Size | None:
    """The size to upsample to, where that is not twice as much: of what the next layer takes."""
    size = sizes[skip]
    return None if [*size] == [2 * side for side in hidden.shape[2:]] else size


def _layer(block: Block, index: int, hidden: Tensor, time: Tensor) -> Tensor:
    hidden = block.resnets[index](hidden, time)
    if hasattr(block, "attentions"):
        hidden = block.attentions[index](hidden, encoder_hidden_states=None, return_dict=False)[0]
    return hidden
