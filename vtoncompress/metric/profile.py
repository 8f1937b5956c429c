"""Where the time of a try-on call goes: pictures in, each part of the network, picture out."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from vtoncompress.benchmark.floor import MEGABYTES, rate_calls
from vtoncompress.clock import take_turns
from vtoncompress.export.base import LayerTime
from vtoncompress.metric.base import Measurement, Subject, SubjectMetric
from vtoncompress.metric.bounds import Rates, add_up, module_of
from vtoncompress.model.base import TryOnModel
from vtoncompress.try_on import TryOn, to_image


class Profile(SubjectMetric):
    """Milliseconds of a call by stage, and of the network by module, kind of operation and layer, with their bounds.

    ``profile_pre_ms`` and ``profile_post_ms`` are what happens to pictures before and after the network;
    ``profile_<part>_ms`` each of its parts as the runtime's own counters tell, and ``profile_other_ms`` what belongs to
    none, such as a change of layout between them. Counting costs time itself, so the sum is above a call's latency.
    The details hold every layer with its floor: its products at the rate of a large convolution in its precision, or
    its bytes at the rate of a large copy, both measured in the same process; the longer of the two bounds it.
    Of a model that works in steps one step is counted, and one pass through encoder and decoder.

    Args:
        repetitions: calls that are counted, at least 1.
    """

    columns = tuple(f"profile_{stage}_ms" for stage in ("pre", "warp", "generator", "unet", "vae", "other", "post"))

    def __init__(self, repetitions: int) -> None:
        if repetitions < 1:
            raise ValueError(f"repetitions={repetitions}: at least 1 is needed")
        self.repetitions = repetitions

    def measure(self, subject: Subject) -> Measurement:
        if not subject.pairs:
            return Measurement(missing=dict.fromkeys(self.columns, "no pairs to run"))
        pair, call = subject.pairs[0], TryOn(subject.runtime, subject.model.size)
        shown = (pair.person, pair.garment, pair.garment_mask, pair.agnostic_mask)
        tensors = call.prepare(*shown)
        layers = subject.runtime.profile(tensors, self.repetitions)
        if layers is None:
            return Measurement(missing=dict.fromkeys(self.columns, "this runtime counts no times of layers"))
        image = subject.runtime(tensors)["image"]
        (pre,) = take_turns([call.prepare], [shown], 3, self.repetitions)
        (post,) = take_turns([to_image], [(image,)], 3, self.repetitions)
        parts = by_part(layers, subject.model)
        values = {f"profile_{part}_ms": taken for part, taken in parts.items() if f"profile_{part}_ms" in self.columns}
        values |= {"profile_pre_ms": statistics.median(pre), "profile_post_ms": statistics.median(post)}
        missing = {name: "the network has no such part" for name in self.columns if name not in values}
        return Measurement(values, missing, details=describe(layers, parts, self._rates(subject)))

    def _rates(self, subject: Subject) -> Rates:
        _, copy = rate_calls()
        (copied,) = take_turns([copy], [()], 2, 10)
        return Rates(subject.runtime.rates(), 2 * MEGABYTES / statistics.median(copied))


def by_part(layers: list[LayerTime], model: TryOnModel) -> dict[str, float]:
    """Milliseconds of each part of the network, by the names of its layers, and of what has no such name."""
    taken = {**dict.fromkeys(model.parts, 0.0), "other": 0.0}
    for layer in layers:
        # Exporters name a layer after its module, whose own name begins with the part's.
        part = next((part for part in model.parts if f"{part}." in layer.name.split("/")[0]), "other")
        taken[part] += layer.milliseconds
    return taken


def describe(layers: list[LayerTime], parts: Mapping[str, float], rates: Rates) -> dict[str, Any]:
    """Milliseconds by part, by module, by kind of operation with its kernel, and by layer, and the machine's rates."""
    return {
        "rates": {"gmacs_per_s": dict(rates.gmacs_per_s), "gigabytes_per_s": rates.gigabytes_per_s},
        "whole": add_up((("whole", layer) for layer in layers), rates)[0],
        "by_part_ms": {part: round(taken, 3) for part, taken in parts.items()},
        "by_module": add_up(((module_of(layer), layer) for layer in layers), rates),
        "by_kind": add_up(((f"{layer.kind} {layer.kernel}", layer) for layer in layers), rates),
        "layers": add_up(((f"{layer.name} ({layer.kind}, {layer.kernel})", layer) for layer in layers), rates),
    }
