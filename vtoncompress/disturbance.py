"""Rows whose times something else on the machine disturbed."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence

from vtoncompress.record import Record, machine_of

SPREAD = 1.2
"""Upper by lower quartile of a row's samples beyond which they are not of one load; 1.02 to 1.16 are usual."""
LONGER = 1.05
"""Times as long as a whole call that a share of one garment, which saves work, may take where it saves next to none."""
LEAST_SAMPLES = 4
"""That have quartiles."""
APART = 0.2
"""Share by which a row's baseline may differ from the median of a table's: all of them time the same network, in
the same steps."""

BASELINES = {
    "baseline": "baseline_latency_ms",
    "baseline of one garment": "amortised_baseline_latency_ms",
    "baseline of eight pairs": "batch8_baseline_latency_ms",
}
"""Samples of the baseline beside those of a latency, by what they are called."""
OWN = {"own": "latency_ms", "own of one garment": "garment_with_people_ms", "own of eight pairs": "batch8_latency_ms"}
"""Samples of the row itself."""
STEPS = {"step": "step_ms", "baseline's step": "baseline_step_ms"}
"""Samples of a model that works in steps."""


def disturbed(records: Sequence[Record]) -> dict[str, str]:
    """Variant -> why its latency or its speedup is not to be trusted; by the samples in the records' details.

    ``speedup`` bears a load that lasts a turn, which slows both networks, but not one that slows only one.
    """
    timed = [record for record in records if record.details.get("speed", {}).get(BASELINES["baseline"])]
    found = {record.variant: [*_spreads(record), *_sharing(record)] for record in timed}
    for record in records:
        of_steps = record.details.get("steps", {})
        others = {name: of_steps[samples] for name, samples in STEPS.items() if samples in of_steps}
        forms = record.details.get("correlation", {}).get("samples_ms", {})
        others |= {f"{form} correlation": taken for form, taken in forms.items()}
        for name, taken in others.items():
            found.setdefault(record.variant, []).extend(uneven(name, taken))
    for name, samples in BASELINES.items():
        for group in _same_baseline([record for record in timed if record.details["speed"].get(samples)]):
            usual = statistics.median(_baseline(record, samples) for record in group)
            for record in group:
                if abs((taken := _baseline(record, samples)) / usual - 1) > APART:
                    found[record.variant].append(f"{name} {taken:.1f} ms, of all rows {usual:.1f}")
    return {variant: "; ".join(reasons) for variant, reasons in found.items() if reasons}


def _spreads(record: Record) -> Iterator[str]:
    for name, samples in (OWN | BASELINES).items():
        yield from uneven(name, record.details["speed"].get(samples, []))


def _sharing(record: Record) -> Iterator[str]:
    """That a call which is spared the garment's work took longer than one that is not, if so."""
    alone, shared = (record.values.get(name) for name in ("latency_ms_p50", "latency_ms_amortised_p50"))
    if alone is not None and shared is not None and shared > LONGER * alone:
        yield f"a share of one garment {shared:.1f} ms, a whole call {alone:.1f}"


def uneven(name: str, taken: Sequence[float]) -> Iterator[str]:
    """That the samples of ``name``, in milliseconds, are not of one load, if so."""
    if len(taken) < LEAST_SAMPLES:
        return
    lower, _, upper = statistics.quantiles(taken, n=4)
    if upper > SPREAD * lower:
        yield f"{name} quartiles {lower:.1f} and {upper:.1f} ms"


def _same_baseline(records: Sequence[Record]) -> list[list[Record]]:
    groups: dict[tuple[object, ...], list[Record]] = {}
    for record in records:
        threads = record.trust.get("runtime", {}).get("threads")
        # Of a model in steps the baseline's sampler may be the row's own: eight steps are no disturbed fifty.
        sampling = json.dumps(record.details["speed"].get("baseline_runtime", {}).get("sampling"), sort_keys=True)
        groups.setdefault((record.model, *machine_of(record), threads, sampling), []).append(record)
    return [*groups.values()]


def _baseline(record: Record, samples: str) -> float:
    return float(statistics.median(record.details["speed"][samples]))


def disturbance_notes(records: Sequence[Record]) -> list[str]:
    """A line for below a table; none where every row was timed in peace."""
    found = disturbed(records)
    told = ", ".join(f"{variant} ({reason})" for variant, reason in found.items())
    return [f"Disturbed while timed, to be timed again: {told}."] if found else []
