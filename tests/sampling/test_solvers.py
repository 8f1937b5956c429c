"""The solvers of higher order against diffusers' own, on the same noise predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.model.cat_vton.conftest import CONFIG
from vtoncompress.model.cat_vton.diffusers_import import import_diffusers
from vtoncompress.sampling.base import Array, Sampling
from vtoncompress.sampling.dpm_solver import DPMSolver
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule
from vtoncompress.sampling.spacing import SPACINGS
from vtoncompress.sampling.unipc import UniPC

SHAPE = (2, 4, 8, 6)
SOLVERS: dict[str, tuple[type[Sampling], dict[str, Any]]] = {
    "DPMSolverMultistepScheduler": (DPMSolver, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "UniPCMultistepScheduler": (UniPC, {"solver_order": 2, "solver_type": "bh2"}),
}


def predict(latents: Array, timestep: int) -> Array:
    """Some network's noise."""
    return np.tanh(latents * np.float32(0.7) + np.float32(timestep / 1000))


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", [1, 2, 3, 8, 20])
@pytest.mark.parametrize("name", SOLVERS)
def test_steps_as_diffusers_does(name: str, steps: int, spacing: str) -> None:
    solver, options = SOLVERS[name]
    theirs = getattr(import_diffusers(), name).from_config(
        CONFIG["scheduler_config"], timestep_spacing=spacing, **options
    )
    theirs.set_timesteps(steps)
    start = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    latents = torch.from_numpy(start.copy())
    for timestep in theirs.timesteps:
        noise = torch.from_numpy(predict(latents.numpy(), int(timestep)))
        latents = theirs.step(noise, timestep, latents).prev_sample
    schedule, ours = NoiseSchedule.of(CONFIG["scheduler_config"]), solver(steps=steps, spacing=spacing)
    assert ours.timesteps(schedule) == theirs.timesteps.tolist()
    assert np.allclose(ours.solve(schedule, start, predict, Noise([0])), latents.numpy(), atol=1e-4)


@pytest.mark.parametrize("solver", [DPMSolver, UniPC])
def test_new_noise_is_refused_where_there_is_none(solver: type[Sampling]) -> None:
    with pytest.raises(
        ValueError, match="sampling.eta=0.5: .* leaves no choice of how much is drawn anew, use 0, or sampling=ddim"
    ):
        solver(eta=0.5)
