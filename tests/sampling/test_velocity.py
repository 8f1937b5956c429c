"""Networks that predict the velocity: their pictures are those of diffusers' schedulers on the same predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.model.cat_vton.conftest import CONFIG
from vtoncompress.model.cat_vton.diffusers_import import import_diffusers
from vtoncompress.sampling.base import Array, Sampling
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.sampling.denoising import Denoising
from vtoncompress.sampling.dpm_solver import DPMSolver
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule
from vtoncompress.sampling.unipc import UniPC

SHAPE = (2, 4, 8, 6)
GUIDANCE = 2.5
CONFIGURED = {**CONFIG["scheduler_config"], "prediction_type": "v_prediction"}
SOLVERS: dict[str, tuple[type[Sampling], dict[str, Any]]] = {
    "DDIMScheduler": (DDIM, {}),
    "DPMSolverMultistepScheduler": (DPMSolver, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "UniPCMultistepScheduler": (UniPC, {"solver_order": 2, "solver_type": "bh2"}),
}


class Velocities:
    """Some network's, of latents and what is known together; encodes and decodes nothing."""

    def predict(self, latents: Array, timestep: int) -> Array:
        noisy, mask, known = latents[:, :4], latents[:, 4:5], latents[:, 5:]
        return np.tanh(noisy * np.float32(0.7) + known * mask + np.float32(timestep / 1000))

    encode = decode = predict_deep = predict_outer = None  # type: ignore[assignment]


@pytest.mark.parametrize("name", SOLVERS)
def test_guided_steps_are_diffusers(name: str) -> None:
    solver, options = SOLVERS[name]
    theirs = getattr(import_diffusers(), name).from_config(CONFIGURED, **options)
    theirs.set_timesteps(8)
    random, networks = np.random.default_rng(3), Velocities()
    start, known = random.normal(size=SHAPE).astype(np.float32), random.normal(size=(4, 5, 8, 6)).astype(np.float32)
    latents = torch.from_numpy(start.copy())
    for timestep in theirs.timesteps:
        shown = np.concatenate([np.concatenate([latents.numpy()] * 2), known], 1)
        without, with_garment = torch.from_numpy(networks.predict(shown, int(timestep))).chunk(2)
        latents = theirs.step(without + GUIDANCE * (with_garment - without), timestep, latents).prev_sample
    schedule, ours = NoiseSchedule.of(CONFIGURED), solver(steps=8, guidance=GUIDANCE, eta=0.0)
    denoising = Denoising(networks, schedule, ours, known, None)
    assert np.allclose(ours.solve(schedule, start, denoising, Noise([0])), latents.numpy(), atol=1e-4)


def test_what_else_a_network_could_predict_is_refused() -> None:
    with pytest.raises(ValueError, match=r"prediction_type=sample .* the noise \(epsilon\) or the velocity \(v_pred"):
        NoiseSchedule.of({**CONFIGURED, "prediction_type": "sample"})
