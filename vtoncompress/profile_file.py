"""A row's profile as files of its own: every layer as JSON, and what takes the time and bounds it to be read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vtoncompress.record import Record, write_text

FOLDER = "profiles"
SLOWEST = 25


def move_out(record: Record, folder: Path) -> None:
    """Write ``folder``/profiles/<variant>.json and .md of a record with a profile, and take its layers from the record.

    The record keeps the sums by module and by kind of operation.
    """
    profile = record.details.get("profile", {})
    if "layers" not in profile:
        return
    told = {"variant": record.variant, "values": _of_interest(record.values), "runtime": record.trust.get("runtime")}
    path = folder / FOLDER / record.variant
    write_text(path.with_name(f"{path.name}.json"), json.dumps({**told, **profile}, indent=1) + "\n")
    write_text(path.with_name(f"{path.name}.md"), _page(record, profile))
    profile["slowest"] = profile.pop("layers")[:SLOWEST]


def _of_interest(values: Mapping[str, float]) -> dict[str, float]:
    return {name: one for name, one in values.items() if name.startswith(("profile_", "latency_", "speedup", "gmacs"))}


def _page(record: Record, profile: Mapping[str, Any]) -> str:
    rates, whole, values = profile["rates"], profile["whole"], record.values
    reached = ", ".join(f"{rate:.0f} GMAC/s in {name}" for name, rate in rates["gmacs_per_s"].items())
    unit = ", ".join(
        f"{name} {values[key]:.1f} ms"
        for name, key in (
            ("whole call p50", "latency_ms_p50"),
            ("before", "profile_pre_ms"),
            ("after", "profile_post_ms"),
        )
        if key in values
    )
    return "\n".join(
        [
            f"# {record.variant}: where the time goes",
            "",
            f"{unit}. The network's layers take {whole['ms']:.1f} ms while they are counted; their floors add up to "
            f"{whole['floor_ms']:.1f} ms, mostly {whole['bound']}.",
            "",
            f"Measured beside it: {reached} (a large convolution), {rates['gigabytes_per_s']:.1f} GB/s (a large copy). "
            "A layer's floor is its products at the first rate or its bytes at the second; the longer of the two "
            "bounds it. Caches can beat a memory floor. 1 MAC = 2 FLOPs.",
            "",
            *_table("module", profile["by_module"]),
            *_table("kind and kernel", profile["by_kind"]),
            *_table(f"the {SLOWEST} slowest layers", profile["layers"][:SLOWEST]),
        ]
    )


def _table(header: str, lines: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        f"| {line['name']} | {line['ms']:.2f} | {line['floor_ms']:.2f} | {line['bound']} | {line['gmacs']:.3f} | "
        f"{line['gmacs_per_s']:.0f} | {line['megabytes']:.1f} | {line['megabytes'] / line['ms']:.1f} |"
        for line in lines
    ]
    units = "ms | floor (ms) | bound by | GMAC | GMAC/s | MB | GB/s"
    return [f"| {header} | {units} |", f"| --- | {'---: | ---: | --- | ---: | ---: | ---: | ---:'} |", *rows, ""]
