"""How long a network's correlation takes, by the published forms and by ours."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vtoncompress.allocator import KEPT, memory
from vtoncompress.benchmark.candidates import IM2COL, LOOP, OPENVINO, OURS, Level, candidates
from vtoncompress.clock import take_turns
from vtoncompress.metric.base import Measurement, Subject, SubjectMetric
from vtoncompress.metric.cost import example_inputs
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.pf_afn.correlation import Correlation

TIMED = (LOOP, IM2COL, OURS, OPENVINO)


class CorrelationSpeed(SubjectMetric):
    """A pass through all correlations of a try-on call, batch 1, by each form in turns, on random features.

    ``correlation_<form>_ms`` is a pass's median. The details have, for each form, the seconds of all passes
    (``total``) and of one (``mean``), passes a second, and how many times the loop's speed that is; and every sample.

    Args:
        runs: passes of each form that count, at least 1; whole turns are made.
        warmup: passes of each before the clock counts.
        turn: passes of one form in a row, at least 1, after one that isn't timed.
    """

    columns = (*(f"correlation_{form}_ms" for form in TIMED), "correlation_runs")

    def __init__(self, runs: int, warmup: int, turn: int) -> None:
        if runs < 1 or warmup < 0 or turn < 1:
            raise ValueError(f"runs={runs}, warmup={warmup}, turn={turn}: at least 1, 0 and 1 are needed")
        self.runs, self.warmup, self.turn = runs, warmup, turn

    def measure(self, subject: Subject) -> Measurement:
        levels = correlation_levels(subject.model)
        if not levels:
            return Measurement(missing=dict.fromkeys(self.columns, "the network has no correlation"))
        passes = _passes(levels, torch.get_num_threads())
        with torch.inference_mode(), memory(KEPT) as allocator:
            times = take_turns(list(passes.values()), [()], self.warmup, self.runs, turn=min(self.turn, self.runs))
        samples = dict(zip(passes, times, strict=True))
        values = {f"correlation_{form}_ms": statistics.median(taken) for form, taken in samples.items()}
        details = {
            "levels": [vars(level) for level in levels],
            "threads": torch.get_num_threads(),
            "allocator": allocator,
            **summarise(samples),
            "samples_ms": {form: [round(taken, 3) for taken in many] for form, many in samples.items()},
        }
        return Measurement({**values, "correlation_runs": len(samples[LOOP])}, details=details)


def summarise(samples: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    """From milliseconds by form: ``total`` and ``mean`` seconds, with passes a second and times the loop's speed."""
    told = {}
    for name, of in (("total", sum), ("mean", statistics.fmean)):
        seconds = {form: 1e-3 * of(many) for form, many in samples.items()}
        passes = len(samples[LOOP]) if name == "total" else 1
        told[name] = {f"{form}_s": taken for form, taken in seconds.items()}
        told[name] |= {f"{form}_fps": passes / taken for form, taken in seconds.items()}
        told[name] |= {f"{form}_acceleration": seconds[LOOP] / taken for form, taken in seconds.items()}
    return told


def correlation_levels(model: TryOnModel) -> list[Level]:
    """The features that a try-on call correlates, in its order."""
    found: list[Level] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        _, channels, height, width = inputs[0].shape
        found.append(Level(channels, height, width))

    hooks = [module.register_forward_pre_hook(note) for module in model.modules() if isinstance(module, Correlation)]
    try:
        with torch.inference_mode():
            model.eval()(**example_inputs(model))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _passes(levels: list[Level], threads: int) -> dict[str, Callable[[], Any]]:
    """A call for each form that goes through all levels."""
    ready = [(level.features(), candidates(level, threads)) for level in levels]

    def through(form: str) -> Callable[[], Any]:
        def call() -> None:
            for features, forms in ready:
                forms[form](*features)

        return call

    return {form: through(form) for form in TIMED}
