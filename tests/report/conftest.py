"""A small experiment: a dense network, three compressed ones, one that failed, and the rows that frame them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vtoncompress.picture_grid import grid_path, write_grid
from vtoncompress.record import Record, write

SIZE = (32, 24)


def row(name: str, values: dict[str, float] | None = None, **fields: Any) -> Record:
    """A record of the generated protocol on a known machine."""
    trust = {
        "pair_list_hash": "abc", "picture_size": list(SIZE), "cpu": "A <b>CPU</b>", "threads_available": 2,
        "instruction_set": ["avx2"], "os": "Linux", "python": "3.11", "versions": {"torch": "2.13"},
        "config": fields.pop("config", {}),
    }  # fmt: skip
    fields = {"model": "toy", "protocol": "generated", "pairs": 6, "runtime": "openvino", "pruning_ratio": 0.0} | fields
    return Record(name, values=values or {}, trust=trust, **fields)


def figures(quality: float, latency: float, size: float, macs: float) -> dict[str, float]:
    return {
        "ssim_garment": quality,
        "latency_ms_p50": latency,
        "size_mib": size,
        "gmacs": macs,
        "speedup": 30 / latency,
    }


def some_records() -> list[Record]:
    pruned = {"pruning": "one_shot", "scope": "generator", "criterion": "magnitude_l2"}
    return [
        row("unchanged-1", {"ssim_garment": 0.3}, role="reference", runtime="", order=-1),
        row("oracle-1", {"ssim_garment": 0.9}, role="oracle", runtime="", order=-1),
        row("dense", figures(0.8402, 30, 18, 1.2), order=0),
        row("int8", figures(0.8398, 8, 6, 1.2), quantization="nncf_ptq", order=1),
        row("pruned20", figures(0.75, 20, 12, 0.8), pruning_ratio=0.2, order=2, **pruned),
        row("pruned40", figures(0.60, 21, 9, 0.5), pruning_ratio=0.4, order=3, **pruned),
        row("broken", status="failed", reason="<b>no</b> memory & no time", order=4),
    ]


@pytest.fixture
def records() -> list[Record]:
    return some_records()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "results" / "mine")


def write_folder(folder: Path) -> Path:
    """Its results, with a grid of three pairs for each network; result and truth differ by 1, 5 and 3 levels more."""
    for number, one in enumerate(some_records()):
        write(one, folder)
        if one.role == "variant" and one.status == "done":
            rows = []
            for pair, error in enumerate((1, 5, 3)):
                person, garment, truth = (np.full((*SIZE, 3), level + pair, np.uint8) for level in (200, 150, 100))
                result = truth + np.uint8(error + number)
                rows.append([person, garment, result, truth, result - truth])
            write_grid(grid_path(folder, one.variant), rows, ["person", "garment", "result", "truth", "difference"])
    return folder
