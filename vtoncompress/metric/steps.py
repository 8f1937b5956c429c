"""How long a step of a diffusion network takes, and what that makes of an image."""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import numpy as np

from vtoncompress.clock import take_turns
from vtoncompress.metric.base import Measurement, Subject, SubjectMetric
from vtoncompress.model.base import StepwiseModel
from vtoncompress.sampling.base import Array
from vtoncompress.sampling.call import paint
from vtoncompress.sampling.denoising import Networks
from vtoncompress.sampling.latents import condition, hide
from vtoncompress.sampling.noise import Noise
from vtoncompress.try_on import pair_tensors


class StepSpeed(SubjectMetric):
    """Times of a guided step and of the autoencoder, batch 1, for networks whose whole image takes too long to repeat.

    ``step_ms_p50`` is the median of a step, both guidance halves; ``step_speedup`` how many times that is in eager
    float32 PyTorch, timed in turns with it; ``vae_ms_p50`` the median of what is done once an image, two pictures
    encoded and one decoded; ``image_s`` = ``steps`` x step + autoencoder, in seconds; ``image_whole_s`` the median of
    whole images, where they are asked for, which that must agree with.

    Args:
        repetitions: timed steps of each network, and passes through the autoencoder, at least 1.
        warmup: steps of each network before the clock counts.
        turn: timed steps of one network in a row, at least 1, after one that isn't timed.
        steps: of the image; null for those of the sampler.
        whole: images that are painted from beginning to end.

    Raises:
        ValueError: an option out of range.
    """

    columns = ("step_ms_p50", "step_speedup", "vae_ms_p50", "image_s", "image_whole_s")

    def __init__(self, repetitions: int, warmup: int, turn: int, steps: int | None, whole: int) -> None:
        if repetitions < 1 or warmup < 0 or turn < 1 or (steps is not None and steps < 1) or whole < 0:
            raise ValueError(
                f"repetitions={repetitions}, warmup={warmup}, turn={turn}, steps={steps}, whole={whole}: at least 1, "
                "0, 1, 1 (or null) and 0 are needed"
            )
        self.repetitions, self.warmup, self.turn, self.steps, self.whole = repetitions, warmup, turn, steps, whole

    def measure(self, subject: Subject) -> Measurement:
        networks, baseline, model = subject.runtime.networks(), subject.baseline.networks(), subject.model
        if networks is None or baseline is None or not isinstance(model, StepwiseModel):
            return Measurement(missing=dict.fromkeys(self.columns, "this network paints its picture in one step"))
        if not subject.pairs:
            return Measurement(missing=dict.fromkeys(self.columns, "no pairs to run"))
        tensors = pair_tensors(subject.pairs[0])
        person, garment, mask = tensors["person"], tensors["garment"], tensors["agnostic_mask"]
        shown, load = _shown(networks, model, person, garment, mask), os.getloadavg()
        timesteps = model.sampling.timesteps(model.schedule)
        arguments = [(shown, timestep) for timestep in timesteps]
        step, dense = take_turns(
            (networks.predict, baseline.predict), arguments, self.warmup, self.repetitions, turn=self.turn
        )

        def once() -> None:
            networks.encode(hide(person, mask))
            networks.decode(networks.encode(garment))

        (rest,) = take_turns((once,), [()], 1, self.repetitions)
        steps = self.steps or len(timesteps)
        p50, vae = statistics.median(step), statistics.median(rest)
        values = {
            "step_ms_p50": p50,
            "step_speedup": statistics.median(dense) / p50,
            "vae_ms_p50": vae,
            "image_s": (steps * p50 + vae) / 1000,
        }
        details: dict[str, Any] = {
            "steps": steps,
            "step_ms": [round(sample, 3) for sample in step],
            "baseline_step_ms": [round(sample, 3) for sample in dense],
            "vae_ms": [round(sample, 3) for sample in rest],
            "runtime": subject.runtime.describe(),
            "load_average": [round(value, 2) for value in load],
        }
        if not self.whole:
            return Measurement(values, {"image_whole_s": "not asked for: metric.steps.whole"}, details=details)
        sampling = type(model.sampling)(**{**model.sampling.arguments(), "steps": steps})
        whole = []
        for _ in range(self.whole):  # minutes each, so that none is left untimed
            begun = time.perf_counter()
            paint(networks, model.schedule, sampling, person, garment, mask)
            whole.append(time.perf_counter() - begun)
        details["image_whole_s"] = [round(sample, 3) for sample in whole]
        return Measurement(values | {"image_whole_s": statistics.median(whole)}, details=details)


def _shown(networks: Networks, model: StepwiseModel, person: Array, garment: Array, mask: Array) -> Array:
    """What a step shows to the network: noise, and what is known of a pair, in the guidance halves that it takes."""
    known = condition(networks.encode(hide(person, mask)), networks.encode(garment), mask)
    known = known if model.sampling.guidance != 1 else known[1:]
    noise = Noise([model.sampling.seed]).draw((known.shape[1] - 1, *known.shape[2:]))
    return np.concatenate([np.repeat(noise, len(known), 0), known], 1)
