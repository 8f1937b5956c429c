"""What the benchmark found: medians beside the floor, as a table and as CSV."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtoncompress.benchmark.candidates import LOOP, LOOP_ANEW, NAMES, Level
from vtoncompress.benchmark.floor import Rates
from vtoncompress.columns import Column
from vtoncompress.disturbance import uneven
from vtoncompress.record import write_text
from vtoncompress.table import Table, to_latex, to_markdown

NAME = "correlation"
FLOOR, CONVOLUTION_FLOOR = "floor by a matrix product", "floor by the fastest convolution"


@dataclass(frozen=True)
class Result:
    """Milliseconds by level and form.

    Attributes:
        levels: finest first.
        samples: level's place -> form -> every timed run.
        rates: of the machine.
        protocol: what is needed to trust it: processor, threads, versions, how it was timed.
    """

    levels: Sequence[Level]
    samples: Sequence[Mapping[str, Sequence[float]]]
    rates: Rates
    protocol: Mapping[str, Any]

    def medians(self, form: str) -> list[float]:
        """Of each level, and their sum."""
        each = [statistics.median(level[form]) for level in self.samples]
        return [*each, sum(each)]

    def floors(self) -> dict[str, list[float]]:
        """What it can't be less than at the rate of a matrix product and of a convolution: each level's, their sum."""
        rates = {FLOOR: self.rates.product_gflops_per_s, CONVOLUTION_FLOOR: self.rates.convolution_gflops_per_s}
        each = {name: [self.rates.floor_ms(level, rate) for level in self.levels] for name, rate in rates.items()}
        return {name: [*found, sum(found)] for name, found in each.items()}


def write_result(result: Result, folder: Path) -> Table:
    """Write correlation.md, .tex, .csv (medians) and .json (every sample), and return the table."""
    table = to_table(result)
    write_text(folder / f"{NAME}.md", to_markdown(table))
    write_text(folder / f"{NAME}.tex", "% needs \\usepackage{booktabs}\n" + to_latex(table))
    write_text(folder / f"{NAME}.csv", _to_csv(result))
    raw = {
        "protocol": result.protocol,
        "rates": vars(result.rates),
        "levels": [vars(level) for level in result.levels],
        "samples_ms": [{form: [round(x, 4) for x in many] for form, many in one.items()} for one in result.samples],
    }
    write_text(folder / f"{NAME}.json", json.dumps(raw, indent=1, ensure_ascii=False) + "\n")
    return table


def _disturbances(result: Result) -> list[str]:
    found = [
        told
        for level, samples in zip(result.levels, result.samples, strict=True)
        for form, taken in samples.items()
        for told in uneven(f"{NAMES[form]} at {level.channels}x{level.height}x{level.width}", taken)
    ]
    return [f"Disturbed while timed: {', '.join(found)}."] if found else []


def to_table(result: Result) -> Table:
    """A line a form: its median a level and their sum, as times the speed of the loop's rows and times each floor."""
    floors = result.floors()
    loops = {form: result.medians(form)[-1] for form in (LOOP, LOOP_ANEW)}
    headers = [f"{level.channels}x{level.height}x{level.width} (ms)" for level in result.levels]
    headers += ["all (ms)", "× the loop's speed", "× the loop's, memory taken anew", *(f"× {name}" for name in floors)]
    lines = [*((NAMES[form], result.medians(form)) for form in result.samples[0]), *floors.items()]
    rows = [
        [
            name, *(f"{value:.2f}" for value in values),
            *(f"{loop / values[-1]:.2f}" for loop in loops.values()),
            *(f"{values[-1] / floor[-1]:.1f}" for floor in floors.values()),
        ]
        for name, values in lines
    ]  # fmt: skip
    told = result.protocol
    versions = ", ".join(f"{name} {told['versions'][name]}" for name in ("torch", "numba", "openvino"))
    return Table(
        f"Correlation of the {len(result.levels)} pyramid levels",
        [],
        tuple(Column(header, header, 0) for header in headers),
        rows,
        [
            f"On {told['cpu']}, {told['threads']} threads pinned to cores {told['cores_used']} "
            f"({', '.join(told['instruction_set'])}); {versions}; float32.",
            f"Medians of {told['repetitions']} runs after {told['warmup']} that don't count, the forms of a level in "
            f"turns but for the loop's second row; every sample is in {NAME}.json. "
            f"Load average before: {told['load_average']}.",
            *_disturbances(result),
            f"Floor: the level's products at {result.rates.product_gflops_per_s:.0f} GFLOP/s of a matrix product in "
            f"torch, or at {result.rates.convolution_gflops_per_s:.0f} of a convolution in OpenVINO, or its bytes at "
            f"{result.rates.gigabytes_per_s:.1f} GB/s, the rate of a copy, whichever takes longer; all of this run, in "
            "float32.",
            f"Memory that a form gives back is {told['allocator']} by the C library for its next run, but for the "
            "loop's second row: its 49 temporary maps a level are then taken from the system, page by page.",
            f"First call of ours in a process, which loads the compiled kernel: {told['first_call_s']:.1f} s.",
            "The seed's im2col and the plain unfold are written from their description.",
        ],
        [],
        labels="form",
    )


def _to_csv(result: Result) -> str:
    text, floors = io.StringIO(), result.floors().values()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["form", "level", "channels", "height", "width", "runs", "median_ms", "floor_ms", "convolution_floor_ms"]
    )
    for place, (level, samples) in enumerate(zip(result.levels, result.samples, strict=True)):
        for form, many in samples.items():
            row = [form, place, *vars(level).values(), len(many), statistics.median(many), *(f[place] for f in floors)]
            writer.writerow(row)
    return text.getvalue()
