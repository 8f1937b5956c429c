"""The variational autoencoder between pictures and latents: diffusers' ``AutoencoderKL``, always by its mode.

Upstream draws the latents of person and garment from the posterior by the global generator, so that its seed does not
fix the result. Here they are the posterior's most likely value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor, nn

from vtoncompress.model.cat_vton.diffusers_import import import_diffusers
from vtoncompress.model.cat_vton.opponent_colours import see_opponent_colours


def build_vae(config: Mapping[str, Any]) -> nn.Module:
    """diffusers' ``AutoencoderKL`` of ``config``, with random weights that see colours as clearly as lightness.

    Raises:
        ValueError: a config that diffusers does not take.
    """
    diffusers = import_diffusers()
    try:
        vae: nn.Module = diffusers.AutoencoderKL.from_config(dict(config))
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise ValueError(f"model.network.vae is no config of an autoencoder: {' '.join(str(error).split())}") from error
    see_opponent_colours(cast("nn.Conv2d", vae.get_submodule("encoder.conv_in")))
    return vae


def downsampling(config: Mapping[str, Any]) -> int:
    """Pixels of the picture per latent, in each direction."""
    return int(2 ** (len(config["block_out_channels"]) - 1))


def posterior(vae: nn.Module, picture: Tensor) -> Any:
    """diffusers' distribution of the latents of a picture (N, 3, H, W) in -1..1, before they are scaled."""
    return cast("Any", vae).encode(picture).latent_dist


class Encoder(nn.Module):
    """Picture (N, 3, H, W) in -1..1 -> its most likely latents (N, C, h, w), of about unit variance."""

    scale: Tensor

    def __init__(self, vae: nn.Module, scale: Tensor) -> None:
        super().__init__()
        self.vae = vae
        self.register_buffer("scale", scale)

    def forward(self, picture: Tensor) -> Tensor:
        return cast("Tensor", posterior(self.vae, picture).mode() * self.scale)


class Decoder(nn.Module):
    """Latents (N, C, h, w) as :class:`Encoder` gives them -> picture (N, 3, H, W), about -1..1."""

    scale: Tensor

    def __init__(self, vae: nn.Module, scale: Tensor) -> None:
        super().__init__()
        self.vae = vae
        self.register_buffer("scale", scale)

    def forward(self, latents: Tensor) -> Tensor:
        return cast("Tensor", cast("Any", self.vae).decode(latents / self.scale, return_dict=False)[0])
