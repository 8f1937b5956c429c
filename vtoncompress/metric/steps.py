"""How long the steps of a diffusion network take, and what that makes of an image."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from vtoncompress.allocator import KEPT, memory
from vtoncompress.clock import ratio_by_turn, take_turns, turn_medians
from vtoncompress.metric.base import Measurement, Subject, SubjectMetric
from vtoncompress.model.base import StepwiseModel
from vtoncompress.progress import tracked
from vtoncompress.sampling.base import Array
from vtoncompress.sampling.call import paint, varied
from vtoncompress.sampling.denoising import Networks
from vtoncompress.sampling.latents import condition, hide
from vtoncompress.sampling.noise import Noise
from vtoncompress.sampling.plan import Step
from vtoncompress.try_on import pair_tensors


class StepSpeed(SubjectMetric):
    """Times of a step and of the autoencoder, batch 1, for networks whose whole image takes too long to repeat.

    A sampler has up to four kinds of steps: guided or not, of all layers or the outer ones alone. Each kind that its
    plan has is timed, in turns with a step in eager float32 PyTorch. ``step_ms_p50`` is the median of the dearest kind;
    ``step_speedup`` how many times that is in PyTorch, the median over the turns; ``vae_ms_p50`` the median of what is
    done once an image, two pictures encoded and one decoded; ``image_s`` the sum over the plan and the autoencoder, in
    seconds; ``image_speedup`` how many times that the baseline's image takes, of ``baseline_steps`` of its own steps,
    the median over the turns; ``image_whole_s`` the median of whole images, where they are asked for, which ``image_s``
    must agree with.

    Args:
        repetitions: timed steps of each kind and network, and passes through the autoencoders, at least 1.
        warmup: steps of each before the clock counts.
        turn: timed steps of one in a row, at least 1, after one that isn't timed.
        steps: of the image; null for those of the sampler.
        whole: images that are painted from beginning to end.
        baseline_steps: of the baseline's image; null for those of its sampler.

    Raises:
        ValueError: an option out of range.
    """

    columns = ("step_ms_p50", "step_speedup", "vae_ms_p50", "image_s", "image_speedup", "image_whole_s")

    def __init__(
        self,
        repetitions: int,
        warmup: int,
        turn: int,
        steps: int | None,
        whole: int,
        baseline_steps: int | None = None,
    ) -> None:
        if repetitions < 1 or warmup < 0 or turn < 1 or whole < 0:
            raise ValueError(
                f"repetitions={repetitions}, warmup={warmup}, turn={turn}, whole={whole}: at least 1, 0, 1 and 0 are "
                "needed"
            )
        for name, count in (("steps", steps), ("baseline_steps", baseline_steps)):
            if count is not None and count < 1:
                raise ValueError(f"metric.steps.{name}={count}: use 1 or more, or null for the sampler's")
        self.repetitions, self.warmup, self.turn, self.whole = repetitions, warmup, turn, whole
        self.steps, self.baseline_steps = steps, baseline_steps

    def measure(self, subject: Subject) -> Measurement:
        model = subject.model
        if not isinstance(model, StepwiseModel):
            return Measurement(missing=dict.fromkeys(self.columns, "this network paints its picture in one step"))
        if not subject.pairs:
            return Measurement(missing=dict.fromkeys(self.columns, "no pairs to run"))
        with memory(KEPT) as allocator:
            result = self._measure(subject, model)
        result.details["allocator"] = allocator
        return result

    def _measure(self, subject: Subject, model: StepwiseModel) -> Measurement:
        tensors, load = pair_tensors(subject.pairs[0]), os.getloadavg()
        pictures = (tensors["person"], tensors["garment"], tensors["agnostic_mask"])
        sampling = varied(model.schedule, model.sampling, {} if self.steps is None else {"steps": self.steps})
        networks, baseline = subject.runtime.networks(sampling), subject.baseline.networks()
        assert networks is not None, "works in steps"
        assert baseline is not None, "works in steps"
        told: dict[str, Any] = subject.baseline.describe()["sampling"]
        baseline_steps = self.baseline_steps or told["steps"]
        plan, timesteps = sampling.plan(), [(timestep,) for timestep in sampling.timesteps(model.schedule)]
        shown = _shown(networks, model, *pictures)
        kinds = sorted(set(plan), key=lambda step: (step.deep, step.guided), reverse=True)
        dense_step = _call(baseline, shown, Step(told["guidance"] != 1, deep=True), reuses=False)
        calls = [_call(networks, shown, kind, sampling.reuse > 1) for kind in kinds]
        *steps, dense = take_turns((*calls, dense_step), timesteps, self.warmup, self.repetitions, turn=self.turn)
        rest, dense_rest = take_turns(
            tuple(_autoencode(one, *pictures) for one in (networks, baseline)), [()], 1, self.repetitions
        )
        median = {kind: statistics.median(samples) for kind, samples in zip(kinds, steps, strict=True)}
        vae, dense_vae = statistics.median(rest), statistics.median(dense_rest)
        image_s = (sum(median[step] for step in plan) + vae) / 1000
        baseline_s = (baseline_steps * statistics.median(dense) + dense_vae) / 1000
        by_turn = {kind: turn_medians(samples, self.turn) for kind, samples in zip(kinds, steps, strict=True)}
        images = [sum(by_turn[step][place] for step in plan) + vae for place in range(len(by_turn[kinds[0]]))]
        dense_images = [baseline_steps * one + dense_vae for one in turn_medians(dense, self.turn)]
        values = {
            "step_ms_p50": median[kinds[0]],
            "step_speedup": ratio_by_turn(dense, steps[0], self.turn),
            "vae_ms_p50": vae,
            "image_s": image_s,
            "image_speedup": ratio_by_turn(dense_images, images),
        }
        details: dict[str, Any] = {
            "steps": len(plan),
            "kinds": {
                _name(kind): {"steps": plan.count(kind), "step_ms": _rounded(samples)}
                for kind, samples in zip(kinds, steps, strict=True)
            },
            "step_ms": _rounded(steps[0]),
            "baseline_step_ms": _rounded(dense),
            "vae_ms": _rounded(rest),
            "baseline_vae_ms": _rounded(dense_rest),
            "baseline_steps": baseline_steps,
            "baseline_sampling": told,
            "baseline_image_s": round(baseline_s, 3),
            "runtime": subject.runtime.describe(),
            "load_average": [round(value, 2) for value in load],
        }
        if not self.whole:
            return Measurement(values, {"image_whole_s": "not asked for: metric.steps.whole"}, details=details)
        whole = []
        for _ in tracked("whole pictures", range(self.whole)):  # minutes each, so that none is left untimed
            begun = time.perf_counter()
            paint(networks, model.schedule, sampling, *pictures)
            whole.append(time.perf_counter() - begun)
        details["image_whole_s"] = _rounded(whole)
        return Measurement(values | {"image_whole_s": statistics.median(whole)}, details=details)


def _call(networks: Networks, shown: Array, step: Step, reuses: bool) -> Callable[[int], Any]:
    """A step of that kind at a timestep; ``shown`` holds both guidance halves."""
    shown = shown if step.guided else shown[1:]
    if not reuses:
        return lambda timestep: networks.predict(shown, timestep)
    if step.deep:
        return lambda timestep: networks.predict_deep(shown, timestep)
    _, features = networks.predict_deep(shown, 1)
    return lambda timestep: networks.predict_outer(shown, timestep, features)


def _autoencode(networks: Networks, person: Array, garment: Array, mask: Array) -> Callable[[], Any]:
    def once() -> None:
        networks.encode(hide(person, mask))
        networks.decode(networks.encode(garment))

    return once


def _shown(networks: Networks, model: StepwiseModel, person: Array, garment: Array, mask: Array) -> Array:
    """What a guided step shows to the network: noise, and what is known of a pair."""
    known = condition(networks.encode(hide(person, mask)), networks.encode(garment), mask)
    noise = Noise([model.sampling.seed]).draw((known.shape[1] - 1, *known.shape[2:]))
    return np.concatenate([np.repeat(noise, len(known), 0), known], 1)


def _name(step: Step) -> str:
    return f"{'guided' if step.guided else 'unguided'}, {'all layers' if step.deep else 'outer layers'}"


def _rounded(samples: list[float]) -> list[float]:
    return [round(sample, 3) for sample in samples]
