"""What bounds a small CatVTON, and what it has learned, on generated test pairs; docs/cat_vton.md has the figures.

python -m tests.model.cat_vton.estimates CHECKPOINT [PAIRS]  # a folder, or the name of shipped weights

Three things: garment SSIM of latents that are moved by the true flow in tokens of one latent and of 2x2, each copied
as it is; the error inside the mask of the latents that the network estimates from noise at a timestep, in units of what
latents vary by there; and how unlikely attention finds the true place in the garment, layer by layer, in nats.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vtoncompress.data.synthetic import Synthetic
from vtoncompress.finetuning.pairs import training_tensors
from vtoncompress.metric.similarity import ssim_map
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.correspondence import attended, correspondence
from vtoncompress.model.cat_vton.loss import training_latents
from vtoncompress.network import open_network

TIMESTEPS = (20, 100, 250, 400, 550, 700, 850, 980)
Batch = dict[str, Tensor]


def garment_ssim(pictures: Tensor, batch: Batch) -> float:
    """Mean over pictures (N, 3, H, W) in -1..1 of the SSIM with the truth where that shows the garment."""
    scores = []
    for picture, truth, region in zip(pictures, batch["truth"], batch["region"], strict=True):
        worn = region[0].numpy() > 0.5
        if worn.any():
            scores.append(ssim_map(_levels(picture), _levels(truth))[worn].mean())
    return float(np.mean(scores))


def _levels(picture: Tensor) -> np.ndarray:
    """(3, H, W) in -1..1 -> (H, W, 3) uint8."""
    return ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()


def copied(model: CatVTON, batch: Batch, latents: int) -> float:
    """Garment SSIM where tokens of ``latents`` x ``latents`` of the garment take their true places, between tokens
    bilinear, and the truth's latents stand everywhere else."""
    garment, truth = model.encoder()(batch["garment"]), model.encoder()(batch["truth"])
    side = model.factor * latents
    share = F.avg_pool2d(batch["region"], side)
    place = F.avg_pool2d(batch["flow"] * batch["region"], side) / share.clamp(min=1e-6) + 0.5
    size = torch.tensor(model.size[::-1]).view(1, 2, 1, 1)
    grid = (place / size * 2 - 1).permute(0, 2, 3, 1)
    tokens = F.pixel_unshuffle(garment, latents)
    moved = F.grid_sample(tokens, grid, padding_mode="border", align_corners=False)
    worn = F.interpolate((share >= 0.5).float(), scale_factor=float(latents))
    return garment_ssim(model.decoder()(torch.where(worn > 0, F.pixel_shuffle(moved, latents), truth)), batch)


def estimated(model: CatVTON, batch: Batch, timestep: int) -> tuple[float, dict[str, float]]:
    """The error of the latents that the network estimates at ``timestep``, and by layer how unlikely places are."""
    of = training_latents(model, batch)
    draws = len(of.clean) // len(batch["truth"])
    at = torch.full_like(of.timesteps, timestep)
    signal, share = of.moment(at)
    noisy = signal * of.clean + share * of.noise
    with attended(model.unet) as seen:
        predicted = model.denoise(torch.cat([noisy, of.shown], 1), at)
    estimate, _ = of.parts(noisy, predicted, at)
    painted = of.shown[:, :1].expand_as(of.clean) > 0.5
    error = (estimate - of.clean)[painted].square().mean() / of.clean[painted].var()
    flow, region = (batch[name].repeat_interleave(draws, 0) for name in ("flow", "region"))
    told = torch.ones(len(of.clean), dtype=torch.bool)
    names = {module: name for name, module in model.unet.named_modules()}
    return float(error.sqrt()), {names[one[0]]: float(correspondence([one], flow, region, told)) for one in seen}


def main(arguments: Sequence[str]) -> None:
    model = open_network(arguments[0]).eval()
    assert isinstance(model, CatVTON), "a network that works in steps"
    pairs = int(arguments[1]) if len(arguments) > 1 else 16
    data = Synthetic("test", 2032, *model.size)
    samples = [training_tensors(data[index], 2 * index) for index in range(pairs)]
    batch = {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}
    with torch.inference_mode():
        ceiling = model.decoder()(model.encoder()(batch["truth"]))
        print(f"garment SSIM on {pairs} generated test pairs")
        print(f"  the truth's latents            {garment_ssim(ceiling, batch):.3f}")
        for latents in (1, 2):
            side = model.factor * latents
            print(f"  tokens of {side:2} pixels, copied     {copied(model, batch, latents):.3f}")
        found = {timestep: estimated(model, batch, timestep) for timestep in TIMESTEPS}
    print("error of estimated latents by timestep")
    print("  " + "  ".join(f"{timestep}: {error:.3f}" for timestep, (error, _) in found.items()))
    print("nats by which attention misses the true place, at timesteps", *TIMESTEPS)
    for layer in found[TIMESTEPS[0]][1]:
        print(f"  {layer:50}" + " ".join(f"{unlikely[layer]:6.2f}" for _, unlikely in found.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
