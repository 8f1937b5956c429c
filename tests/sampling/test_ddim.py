"""The sampler against diffusers' own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.model.cat_vton.conftest import CONFIG
from vtoncompress.model.cat_vton.diffusers_import import import_diffusers
from vtoncompress.sampling.base import Array
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule
from vtoncompress.sampling.spacing import SPACINGS

SHAPE = (1, 4, 8, 6)


def predict(latents: Array, timestep: int) -> Array:
    """Some network's noise."""
    return np.tanh(latents * np.float32(0.7) + np.float32(timestep / 1000))


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize(("steps", "schedule"), [(7, {}), (3, {"beta_schedule": "linear", "set_alpha_to_one": True})])
def test_steps_as_diffusers_does(steps: int, schedule: dict[str, Any], eta: float, spacing: str) -> None:
    config = {**CONFIG["scheduler_config"], **schedule, "timestep_spacing": spacing}
    theirs, generator = import_diffusers().DDIMScheduler(**config), torch.Generator().manual_seed(5)
    theirs.set_timesteps(steps)
    latents = torch.randn(SHAPE, generator=generator)
    for timestep in theirs.timesteps:
        noise = torch.from_numpy(predict(latents.numpy(), int(timestep)))
        latents = theirs.step(noise, timestep, latents, eta=eta, generator=generator).prev_sample
    ours, noise = NoiseSchedule.of(config), Noise([5])
    sampler = DDIM(steps=steps, eta=eta, spacing=spacing)
    assert sampler.timesteps(ours) == theirs.timesteps.tolist()
    assert np.allclose(sampler.solve(ours, noise.draw(SHAPE[1:]), predict, noise), latents.numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "sampling.steps=0: use 1 or more"),
        ({"guidance": -1.0}, "sampling.guidance=-1.0: use 0 or more"),
        ({"eta": 2.0}, "sampling.eta=2.0: use 0"),
        ({"seed": -1}, "sampling.seed=-1: choose 0 to"),
    ],
)
def test_an_option_out_of_range_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DDIM(**options)


def test_more_steps_than_timesteps_are_refused() -> None:
    with pytest.raises(ValueError, match="sampling.steps=2000: use 1000 or fewer"):
        DDIM(steps=2000).timesteps(NoiseSchedule.of(CONFIG["scheduler_config"]))
