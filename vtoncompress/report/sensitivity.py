"""What was measured layer by layer on the same network: which bear pruning, which bear INT8."""

from __future__ import annotations

import base64
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vtoncompress.record import Record

EXTREMES = 8
NETWORK = re.compile(r"^- Network: ([^,\s]+)", re.MULTILINE)
KINDS = (
    ("sensitivity", "sensitivity", "sensitivity", "pruning"),
    ("quantization_sensitivity*", "points", "table", "INT8"),
)
"""Folders of results, their CSV, their Markdown, and what was done to each layer."""


@dataclass(frozen=True)
class Sensitivity:
    """One analysis.

    Attributes:
        name: of its results folder.
        of: what was done to each layer alone.
        picture: its figure as a data address, which runs nothing; empty where it drew none.
        worst, best: (layer, loss of garment SSIM) of the most and the least sensitive ones.
        note: what the losses are.
    """

    name: str
    of: str
    picture: str
    worst: list[tuple[str, float]]
    best: list[tuple[str, float]]
    note: str


def read_sensitivity(results: Path, records: Sequence[Record]) -> list[Sensitivity]:
    """The analyses in ``results`` whose network is that of the records."""
    models = {one.model for one in records if one.model}
    return [
        found
        for pattern, points, table, of in KINDS
        for folder in sorted(results.glob(pattern))
        if (folder / f"{points}.csv").is_file()
        and _network(folder / f"{table}.md") in models
        and (found := _read(folder, points, of)) is not None
    ]


def _network(path: Path) -> str | None:
    found = NETWORK.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found and found[1]


def _read(folder: Path, points: str, of: str) -> Sensitivity | None:
    with (folder / f"{points}.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("ratio") != "0" and row.get("name") != "float32"]
    if not rows:
        return None
    largest = max(float(row.get("ratio") or 0) for row in rows)
    losses = [
        (str(row.get("group") or row.get("name")), round(float(row["ssim_garment_loss"]), 4) + 0.0)  # no -0.0
        for row in rows
        if float(row.get("ratio") or 0) == largest
    ]
    losses.sort(key=lambda pair: -pair[1])
    at = f" at the largest ratio, {largest:g}" if largest else ""
    svg = folder / f"{points}.svg"
    data = base64.b64encode(svg.read_bytes()).decode() if svg.is_file() else ""
    return Sensitivity(
        folder.name, of, data and f"data:image/svg+xml;base64,{data}", losses[:EXTREMES], losses[: -EXTREMES - 1 : -1],
        f"Garment SSIM that each layer, or group of tied layers, costs when it alone is changed ({of}){at}.",
    )  # fmt: skip
