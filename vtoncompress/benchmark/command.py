"""The benchmark as a command: every form at every level, in turns, with the machine's rates."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vtoncompress import affinity
from vtoncompress.allocator import ANEW, KEPT, KNOWN, UNKNOWN, memory
from vtoncompress.benchmark.candidates import LOOP, LOOP_ANEW, NAMES, Level, candidates, pyramid_levels
from vtoncompress.benchmark.floor import rate_calls, rates
from vtoncompress.benchmark.result import Result, write_result
from vtoncompress.clock import take_turns
from vtoncompress.environment import environment
from vtoncompress.export.openvino_convolution import best_rate
from vtoncompress.machine import use
from vtoncompress.model.pf_afn.correlation import compiled_correlation
from vtoncompress.options import check_kinds
from vtoncompress.table import Table

LEAST = {"channels": 1, "levels": 1, "warmup": 0, "repetitions": 1, "threads": 1}
TOLERANCE = 1e-4
"""Largest difference from the loop, as a share of the largest value."""


def benchmark(config: Mapping[str, Any]) -> Table:
    """Measure and write ``results``/``name``. ``config``: see conf/benchmark_correlation.yaml.

    Raises:
        ValueError: an option out of range.
    """
    check(config)
    machine = environment()
    threads = config["threads"] or min(machine["cores"], machine["threads_available"])
    levels = pyramid_levels(config["channels"], tuple(config["size"]), config["levels"])
    with use(alone=True), pinned(threads) as cores:
        load = os.getloadavg()
        begun = time.perf_counter()
        compiled_correlation(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
        first_call = time.perf_counter() - begun
        product, copy = take_turns(rate_calls(), [()], config["warmup"], config["repetitions"])
        found = rates(statistics.median(product), statistics.median(copy), best_rate("f32", threads))
        samples = [_time_level(level, threads, config) for level in levels]
    protocol = {
        **machine, "threads": threads, "cores_used": cores, "warmup": config["warmup"],
        "repetitions": config["repetitions"], "load_average": round(load[0], 1), "first_call_s": round(first_call, 2),
        "allocator": KEPT if KNOWN else UNKNOWN,
    }  # fmt: skip
    return write_result(Result(levels, samples, found, protocol), Path(config["results"]) / config["name"])


def check(config: Mapping[str, Any]) -> None:
    """ValueError for an option out of range."""
    check_kinds(config, dict.fromkeys(LEAST, int) | {"threads": int | None}, LEAST)
    size = config["size"]
    if not isinstance(size, Sequence) or len(size) != 2 or any(type(side) is not int for side in size):
        raise ValueError(f"size={size}: two whole numbers are needed, height and width, such as [256,192]")
    if min(size) >> config["levels"] < 1:
        raise ValueError(f"size={list(size)}: of {config['levels']} levels the last would have no pixel")


@torch.inference_mode()
def _time_level(level: Level, threads: int, config: Mapping[str, Any]) -> dict[str, list[float]]:
    features, forms = level.features(), candidates(level, threads)
    _check_results(forms, *features)
    warmup, repetitions = config["warmup"], config["repetitions"]
    with memory(ANEW):
        (anew,) = take_turns([forms[LOOP]], [features], warmup, repetitions)
    with memory(KEPT):
        times = take_turns(list(forms.values()), [features], warmup, repetitions)
    found = dict(zip(forms, times, strict=True))
    return {LOOP: found[LOOP], LOOP_ANEW: anew, **found}


def _check_results(forms: Mapping[str, Callable[[Tensor, Tensor], Any]], first: Tensor, second: Tensor) -> None:
    """A form that computes something else has no time."""
    expected = forms[LOOP](first, second)
    for name, form in forms.items():
        found = torch.as_tensor(form(first, second))
        difference = float((found - expected).abs().max() / expected.abs().max())
        assert difference < TOLERANCE, f"{NAMES[name]} is off by {difference:.2g}"


@contextmanager
def pinned(threads: int) -> Iterator[list[int]]:
    """Keep this process on as many cores as it has threads, see :func:`affinity.pinned`, and torch to these threads."""
    torch_threads = torch.get_num_threads()
    with affinity.pinned(threads) as cores:
        torch.set_num_threads(threads)
        try:
            yield cores
        finally:
            torch.set_num_threads(torch_threads)
