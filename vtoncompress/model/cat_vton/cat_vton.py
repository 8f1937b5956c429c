"""CatVTON (Chong et al. 2024): person and garment side by side in one picture of latents, inpainted by one UNet."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from vtoncompress.model.base import Graph, StepwiseModel
from vtoncompress.model.cat_vton.eager import EagerNetworks
from vtoncompress.model.cat_vton.form import (
    PROJECTIONS,
    attention_layers,
    changed,
    gated_layers,
    refit,
    remove_blocks,
    set_heads,
    take,
    transformer_blocks,
)
from vtoncompress.model.cat_vton.loss import TERMS, training_latents, weighted_terms
from vtoncompress.model.cat_vton.split_unet import DeepDenoiser, OuterDenoiser, check_layers, feature_shape
from vtoncompress.model.cat_vton.token_merging import set_merging
from vtoncompress.model.cat_vton.unet import Denoiser, TimestepTable, build_unet
from vtoncompress.model.cat_vton.vae import Decoder, Encoder, build_vae, downsampling
from vtoncompress.model.training_latents import TrainingLatents
from vtoncompress.sampling.base import Array, Sampling
from vtoncompress.sampling.call import describe, paint, recall
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.sampling.denoising import Told
from vtoncompress.sampling.noise_schedule import NoiseSchedule


class CatVTON(StepwiseModel):
    """Autoencoder, UNet and sampler.

    Args:
        size: (height, width) in pixels, multiples of what the autoencoder downsamples by (8 for the published one).
        unet: config of diffusers' ``UNet2DConditionModel``; its cross-attention gets no weights.
        vae: config of diffusers' ``AutoencoderKL``.
        scheduler: see :class:`vtoncompress.sampling.noise_schedule.NoiseSchedule`.

    Attributes:
        latent_scale: (), by what latents are multiplied for the UNet: the autoencoder's ``scaling_factor``, or what its
            training found.

    Raises:
        ValueError: a size or config that the networks can't have.
    """

    inputs: ClassVar = {"person": 3, "garment": 3, "agnostic_mask": 1}
    loss_terms = tuple(TERMS)
    latent_scale: Tensor

    def __init__(
        self, size: Sequence[int], unet: Mapping[str, Any], vae: Mapping[str, Any], scheduler: Mapping[str, Any]
    ) -> None:
        super().__init__()
        size, unet, vae, scheduler = (_plain(value) for value in (size, unet, vae, scheduler))
        self._arguments = {"size": size, "unet": unet, "vae": vae, "scheduler": scheduler}
        self.schedule, self.sampling = NoiseSchedule.of(scheduler), DDIM()
        self.vae, self.unet = build_vae(vae), build_unet(unet)
        self.unet.time_proj = TimestepTable(cast("nn.Module", self.unet.time_proj), self.schedule.num_train_timesteps)
        self.factor, self.latent_channels = downsampling(vae), int(vae["latent_channels"])
        _check(size, self.factor, self.latent_channels, unet)
        self.size = (size[0], size[1])
        self.multiple = self.factor * 2 ** (len(unet["block_out_channels"]) - 1)
        self._dense_heads = {name: layer.heads for name, layer in attention_layers(self).items()}
        self.register_buffer("latent_scale", torch.tensor(float(vae.get("scaling_factor", 1.0))))

    def arguments(self) -> dict[str, Any]:
        return copy.deepcopy(self._arguments)

    @property
    def parts(self) -> dict[str, nn.Module]:
        return {"vae": self.vae, "unet": self.unet}

    def set_sampling(self, sampling: Sampling) -> None:
        sampling.timesteps(self.schedule)
        if sampling.reuse > 1:
            check_layers(self.unet, sampling.reuse_layers)
        height, width = self._latent_size
        set_merging(self.unet, sampling.merging, (2 * height, width))
        self.sampling = sampling

    @property
    def _latent_size(self) -> tuple[int, int]:
        return self.size[0] // self.factor, self.size[1] // self.factor

    def encoder(self) -> Encoder:
        """Pictures -> latents, by this model's own weights."""
        return Encoder(self.vae, self.latent_scale)

    def denoiser(self) -> Denoiser:
        """Noisy latents -> noise, by this model's own weights."""
        return Denoiser(self.unet)

    def decoder(self) -> Decoder:
        """Latents -> pictures, by this model's own weights."""
        return Decoder(self.vae, self.latent_scale)

    def networks(self) -> EagerNetworks:
        layers = self.sampling.reuse_layers
        deep, outer = DeepDenoiser(self.unet, layers), OuterDenoiser(self.unet, layers)
        return EagerNetworks(self.encoder(), self.denoiser(), self.decoder(), deep, outer, self.latent_scale.device)

    def forward(
        self,
        person: Tensor,
        garment: Tensor,
        agnostic_mask: Tensor,
        seeds: Sequence[int] | None = None,
        told: Told | None = None,
        latents: Mapping[str, Array] | None = None,
    ) -> dict[str, Tensor]:
        """The whole call, without gradients; the loop over steps is the one that every runtime shares.

        ``seeds``: one for each picture, instead of the sampler's. ``told`` is called after each step. ``latents``: see
        :func:`vtoncompress.sampling.call.encoded`.
        """
        shown, worn, mask = (tensor.detach().float().cpu().numpy() for tensor in (person, garment, agnostic_mask))
        image = paint(self.networks(), self.schedule, self.sampling, shown, worn, mask, seeds, told, latents)
        return {"image": torch.from_numpy(image).to(person.device)}

    def losses(
        self,
        batch: Mapping[str, Tensor],
        weights: Mapping[str, float],
        perceptual: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> dict[str, Tensor]:
        return weighted_terms(self, batch, weights, perceptual)

    def training_latents(self, batch: Mapping[str, Tensor]) -> TrainingLatents:
        return training_latents(self, batch)

    def denoise(self, latents: Tensor, timesteps: Tensor) -> Tensor:
        noise: Tensor = self.denoiser()(latents, timesteps)
        return noise

    def feature_modules(self) -> list[nn.Module]:
        unet = cast("Any", self.unet)
        return [*unet.down_blocks, unet.mid_block, *unet.up_blocks]

    def graphs(self) -> dict[str, Graph]:
        latents, picture = torch.zeros(1, self.latent_channels, *self._latent_size), torch.zeros(1, 3, *self.size)
        return {
            "encoder": _graph(self.encoder(), {"picture": picture}, ["latents"], 2),  # person and garment
            **self._denoisers(),
            "decoder": _graph(self.decoder(), {"latents": latents}, ["picture"], 1),
        }

    def _denoisers(self) -> dict[str, Graph]:
        """The UNet, and where its features are reused its outer layers alone, as often as the sampler's plan says."""
        (height, width), sampling = self._latent_size, self.sampling
        noisy = torch.zeros(sampling.pictures, 2 * self.latent_channels + 1, 2 * height, width)
        example = {"latents": noisy, "timestep": torch.tensor(1)}
        calls = sampling.calls()
        if sampling.reuse == 1:
            return {"unet": _graph(self.denoiser(), example, ["noise"], calls[True])}
        layers = sampling.reuse_layers
        features = torch.zeros(feature_shape(self.unet, layers, noisy))
        deep, outer = DeepDenoiser(self.unet, layers), OuterDenoiser(self.unet, layers)
        return {
            "unet": _graph(deep, example, ["noise", "features"], calls[True]),
            "unet_outer": _graph(outer, {**example, "features": features}, ["noise"], calls[False]),
        }

    def call(self) -> dict[str, Any]:
        return describe(self.schedule, self.sampling)

    def restore_call(self, call: Mapping[str, Any]) -> None:
        _, sampling = recall(call)
        self.set_sampling(sampling)

    def form(self) -> dict[str, Any]:
        return changed(self, self._dense_heads)

    def take_form(self, form: Mapping[str, Any]) -> None:
        take(self, form)

    def refit(self) -> None:
        refit(self)

    def heads(self) -> dict[str, int]:
        return {
            f"{name}.{projection}": int(cast("int", layer.heads))
            for name, layer in attention_layers(self).items()
            for projection in PROJECTIONS
        }

    def halves(self) -> list[str]:
        return gated_layers(self)

    def set_heads(self, layers: Sequence[str], heads: int, factor: float) -> None:
        set_heads(self, layers, heads, factor)

    def blocks(self) -> list[str]:
        return transformer_blocks(self)

    def remove_blocks(self, names: Sequence[str]) -> None:
        remove_blocks(self, names)

    def float_layers(self) -> list[str]:
        return []

    def output_layers(self) -> list[str]:
        return ["unet.conv_out", "vae.encoder.conv_out", "vae.quant_conv", "vae.decoder.conv_out"]

    def dependency_outputs(self, person: Tensor, garment: Tensor, agnostic_mask: Tensor) -> list[Tensor]:
        """Each network apart: what goes from one to the next has a width that none may change. Of a small picture."""
        picture = person[..., : 2 * self.multiple, : 2 * self.multiple]
        moments = cast("Any", self.vae).encode(picture).latent_dist.parameters
        latents = torch.zeros_like(moments[:, : self.latent_channels])
        noisy = torch.cat([latents, latents[:, :1], latents], 1)
        return [moments, self.denoiser()(noisy, torch.tensor(1)), self.decoder()(latents)]


def _graph(module: nn.Module, example: dict[str, Tensor], outputs: list[str], calls: int) -> Graph:
    """With any number and size of pictures, where that is asked for."""
    return Graph(module, example, outputs, calls, {name: (0, 2, 3) for name, one in example.items() if one.ndim == 4})


def _plain(value: Any) -> Any:
    """A config's value without the wrappers that Hydra puts around it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, Sequence) and not isinstance(value, str) else value


def _check(size: Sequence[int], factor: int, channels: int, unet: Mapping[str, Any]) -> None:
    """ValueError for a size or a UNet that doesn't go with the autoencoder."""
    if len(size) != 2 or any(side < factor or side % factor for side in size):
        raise ValueError(
            f"model.size={[*size]}: height and width must be multiples of {factor}, by which it downsamples"
        )
    if (unet["in_channels"], unet["out_channels"]) != (2 * channels + 1, channels):
        raise ValueError(
            f"the UNet reads {unet['in_channels']} channels and gives {unet['out_channels']}, but with "
            f"model.network.vae.latent_channels={channels} it must be {2 * channels + 1} and {channels}"
        )
