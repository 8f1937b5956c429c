"""What CatVTON's networks minimise: the autoencoder's loss on pictures, and the UNet's on noise in latents."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vtoncompress.model.cat_vton.correspondence import attended, correspondence
from vtoncompress.model.cat_vton.opponent_colours import OPPONENTS, opponent_colours
from vtoncompress.model.cat_vton.vae import posterior
from vtoncompress.model.training_latents import TrainingLatents
from vtoncompress.sampling.noise_schedule import VELOCITY

if TYPE_CHECKING:  # the model imports its loss
    from vtoncompress.model.cat_vton.cat_vton import CatVTON

Distance = Callable[[Tensor, Tensor], Tensor]
TERMS = ("noise", "dream", "correspondence", "reconstruction", "perceptual_reconstruction", "colours", "divergence")
UNCONDITIONAL = 0.1
"""Share of draws that are trained without their garment, which guidance needs."""
DRAWS = 4
"""Noises and timesteps for each pair. To encode a pair takes half as long as to learn from it once, and the loss of a
pair varies by its timestep more than by anything: each draw has its part of the timesteps to itself."""
DREAM_POWER = 10
"""By which the noisier timesteps are rectified less; CatVTON's (section 4.2)."""
SCALE_MOMENTUM = 0.01


@dataclass(frozen=True)
class _Draw:
    """What each pair draws at random, by its place in the training alone, so that a resumed run draws the same.

    Attributes:
        noise: (N, C, 2h, w), normal; N are the pairs' draws, a pair's side by side.
        timesteps: (N,), whole numbers.
        shown: (N, 1, 1, 1), 0 for draws without their garment, otherwise 1.
    """

    noise: Tensor
    timesteps: Tensor
    shown: Tensor


def weighted_terms(
    model: CatVTON, batch: Mapping[str, Tensor], weights: Mapping[str, float], perceptual: Distance | None
) -> dict[str, Tensor]:
    """Name -> weighted scalar; see :meth:`vtoncompress.model.base.TryOnModel.losses`.

    ``noise``: mean squared error of the predicted noise (Ho et al. 2020), or of the velocity, where the network
    predicts that (Salimans and Ho 2022). ``dream``: the same after the network's own estimate has rectified noise and
    target (Zhou et al. 2024). ``correspondence``: see :mod:`vtoncompress.model.cat_vton.correspondence`. These three
    leave the autoencoder as it is.
    ``reconstruction``: mean absolute error of the decoded picture; ``perceptual_reconstruction``: its perceptual
    distance; ``colours``: mean absolute error of the first three latents from the mean opponent colours of the pixels
    that they stand for, without which colours come late or never; ``divergence``: of the posterior from the unit
    normal, per latent (Kingma and Welling 2014).
    """
    counted = {name for name, weight in weights.items() if weight}
    found: dict[str, Tensor] = {}
    if counted & {"noise", "dream", "correspondence"}:
        found |= _noise_terms(model, batch, counted)
    if counted & {"reconstruction", "perceptual_reconstruction", "colours", "divergence"}:
        found |= _picture_terms(model, batch, counted, perceptual)
    return {name: weights[name] * found[name] for name in TERMS if name in counted}


def training_latents(model: CatVTON, batch: Mapping[str, Tensor]) -> TrainingLatents:
    """``DRAWS`` samples of each pair, without gradients; what is drawn depends on its place in the training alone."""
    painted = (batch["agnostic_mask"] >= 0.5).to(batch["person"].dtype)
    with torch.no_grad():
        # Also under autocast: bfloat16 has one noise for timesteps 2 to 5, and none for the one that sampling ends at.
        garment, truth, hidden = (
            model.encoder()(pictures).float()
            for pictures in (batch["garment"], batch["truth"], batch["person"] * (1 - painted))
        )
        clean = torch.cat([truth, garment], 2)
    mask = painted[..., :: model.factor, :: model.factor]
    mask = torch.cat([mask, torch.zeros_like(mask)], 2)
    clean, garment, hidden, mask = (one.repeat_interleave(DRAWS, 0) for one in (clean, garment, hidden, mask))
    draw = _draw(model, batch["place"], clean)
    known, shown, without = (
        torch.cat([mask, torch.cat([hidden, below], 2)], 1)
        for below in (garment * draw.shown, garment, torch.zeros_like(garment))
    )
    kept = torch.as_tensor(model.schedule.kept(), dtype=clean.dtype, device=clean.device)
    velocity = model.schedule.prediction_type == VELOCITY
    return TrainingLatents(clean, known, shown, without, draw.noise, draw.timesteps, kept, velocity)


def _noise_terms(model: CatVTON, batch: Mapping[str, Tensor], counted: set[str]) -> dict[str, Tensor]:
    of, found = training_latents(model, batch), {}

    def predict(noise: Tensor) -> Tensor:
        return model.denoise(torch.cat([of.noisy(noise), of.known], 1), of.timesteps).float()

    if counted & {"noise", "correspondence"}:
        with attended(model.unet) as seen:
            found["noise"] = F.mse_loss(predict(of.noise), of.target(of.noise))
        if "correspondence" in counted:
            flow, region = (batch[name].repeat_interleave(DRAWS, 0) for name in ("flow", "region"))
            shown = (of.known == of.shown).flatten(1).all(1)
            found["correspondence"] = correspondence(seen, flow, region, shown)
    if "dream" in counted:
        with torch.no_grad():
            _, estimate = of.parts(of.noisy(of.noise), predict(of.noise), of.timesteps)
        _, share = of.moment(of.timesteps)
        rectified = of.noise + share**DREAM_POWER * (of.noise - estimate)
        found["dream"] = F.mse_loss(predict(rectified), of.target(rectified))
    return found


def _draw(model: CatVTON, places: Tensor, like: Tensor) -> _Draw:
    noise, timesteps, shown = [], [], []
    bounds = [model.schedule.num_train_timesteps * part // DRAWS for part in range(DRAWS + 1)]
    for place in places.tolist():
        generator = torch.Generator().manual_seed(int(place))
        for first, end in itertools.pairwise(bounds):
            noise.append(torch.randn(like.shape[1:], generator=generator))
            timesteps.append(torch.randint(first, end, (), generator=generator))
            shown.append(torch.rand((), generator=generator) >= UNCONDITIONAL)
    garments = torch.stack(shown).to(like).view(-1, 1, 1, 1)
    return _Draw(torch.stack(noise).to(like), torch.stack(timesteps).to(like.device), garments)


def _picture_terms(
    model: CatVTON, batch: Mapping[str, Tensor], counted: set[str], perceptual: Distance | None
) -> dict[str, Tensor]:
    pictures = _pictures(batch)
    found = posterior(model.vae, pictures)
    if model.training:
        with torch.no_grad():
            model.latent_scale.lerp_(1 / found.mean.float().std(), SCALE_MOMENTUM)
    noise = [torch.randn(found.mean.shape[1:], generator=torch.Generator().manual_seed(p)) for p in _seeds(batch)]
    latents = found.mean + found.std * torch.stack(noise).to(found.mean)
    decoded = model.vae.decode(latents, return_dict=False)[0].float()  # type: ignore[operator]
    colours = opponent_colours(F.avg_pool2d(pictures, model.factor))
    terms = {
        "reconstruction": F.l1_loss(decoded, pictures),
        "colours": F.l1_loss(found.mean[:, : len(OPPONENTS)].float(), colours),
        "divergence": found.kl().mean() / found.mean[0].numel(),
    }
    if "perceptual_reconstruction" in counted:
        assert perceptual is not None, "its name begins with perceptual"
        terms["perceptual_reconstruction"] = perceptual(decoded, pictures)
    return terms


def _pictures(batch: Mapping[str, Tensor]) -> Tensor:
    """Of four samples two give the person in the garment, one the garment, one the person with its clothes hidden."""
    hidden = batch["person"] * (batch["agnostic_mask"] < 0.5).to(batch["person"].dtype)
    kind = (batch["place"] // 2 % 4).view(-1, 1, 1, 1)  # every other place is mirrored
    return torch.where(kind == 2, batch["garment"], torch.where(kind == 3, hidden, batch["truth"]))


def _seeds(batch: Mapping[str, Tensor]) -> list[int]:
    return [int(place) for place in batch["place"].tolist()]
