"""Multistep consistency sampling against diffusers' own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.model.cat_vton.conftest import CONFIG
from tests.sampling.test_solvers import SHAPE, predict
from vtoncompress.model.cat_vton.diffusers_import import import_diffusers
from vtoncompress.sampling.consistency import Consistency
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule


@pytest.mark.parametrize("steps", [1, 4, 8])
def test_leaps_as_diffusers_does(steps: int) -> None:
    """Where the boundary condition's own scaling, which is 1 but for the last timesteps, leaves the leaps alone."""
    theirs = import_diffusers().LCMScheduler.from_config(CONFIG["scheduler_config"], original_inference_steps=1000)
    theirs.set_timesteps(steps)
    generator, shape = torch.Generator().manual_seed(5), (1, *SHAPE[1:])
    latents = torch.randn(shape, generator=generator)
    for timestep in theirs.timesteps:
        noise = torch.from_numpy(predict(latents.numpy(), int(timestep)))
        latents = theirs.step(noise, timestep, latents, generator=generator).prev_sample
    schedule, noise = NoiseSchedule.of(CONFIG["scheduler_config"]), Noise([5])
    sampler = Consistency(steps=steps)
    assert sampler.timesteps(schedule) == theirs.timesteps.tolist()
    assert np.allclose(sampler.solve(schedule, noise.draw(shape[1:]), predict, noise), latents.numpy(), atol=2e-3)
