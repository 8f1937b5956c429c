"""What was measured layer by layer on the same network: which bear pruning, which bear INT8."""

from __future__ import annotations

import base64
import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtoncompress.record import Record

EXTREMES = 8
NETWORK = re.compile(r"^- Network: (.+)$", re.MULTILINE)
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
        network: the model and its weights.
        note: what the losses are.
    """

    name: str
    of: str
    picture: str
    worst: list[tuple[str, float]]
    best: list[tuple[str, float]]
    network: str
    note: str


def read_sensitivity(results: Path, records: Sequence[Record]) -> list[Sensitivity]:
    """The analyses in ``results`` whose network is that of the records: the model, and with the same weights."""
    networks = dict.fromkeys(map(_network_of, records))
    return [
        found
        for pattern, points, table, of in KINDS
        for folder in sorted(results.glob(pattern))
        if (folder / f"{points}.csv").is_file()
        and (network := _analysed(folder / f"{table}.md", networks)) is not None
        and (found := _read(folder, points, of, network)) is not None
    ]


def _network_of(record: Record) -> str:
    """As a table tells it, of the dense network that a row comes from; a hash of its weights is not told there."""
    weights = str(record.trust.get("weights", "")).partition(" (")[0]
    return f"{record.model.partition(' (')[0]}, {weights}"


def _analysed(path: Path, networks: Iterable[str]) -> str | None:
    """Which of the networks the table at ``path`` is of; None where it is of another one."""
    found = NETWORK.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    # Behind the weights come a hash of them, further words or the end of the sentence.
    return found and next((one for one in networks if re.match(re.escape(one) + r"( \(|,|\.(\s|$))", found[1])), None)


def _read(folder: Path, points: str, of: str, network: str) -> Sensitivity | None:
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
        network, f"Garment SSIM that each layer, or group of tied layers, costs when it alone is changed ({of}){at}.",
    )  # fmt: skip
