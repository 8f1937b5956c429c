"""A published table of two rows, how it is held against ours, and records with known numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from vtoncompress.record import Record

PUBLISHED = {
    "source": "A paper",
    "pruning": {
        "columns": ["metrics", "gflops", "size_mb", "ratio_pct", "fid", "fid_loss_pct", "users"],
        "rows": [["original", 8.0, 100, 100, 10.0, 0.0, 5], ["half", 4.0, 60, 60, 12.0, 20.0, 4]],
        "errata": ["GFLOPs are GMACs.", "60 leaves out a part."],
    },
    "speed": {"columns": ["runs", "seconds"], "rows": [[1000, 2.5]], "errata": ["Another machine."]},
}
COMPARISON = {
    "figures": "paper.pruning",
    "columns": {
        "gflops": {"ours": "details.cost.parts.warp.gmacs", "where": {"model": "big"}, "errata": [1]},
        "size_mb": {"ours": "values.size_mib", "errata": [2], "why": "they forgot a part"},
        "ratio_pct": {"ours": "values.size_mib", "relative": "share"},
        "fid": {
            "ours": ["values.fid", "values.fid_shipped"], "where": {"protocol": "viton", "pairs": 8}, "tuned": True,
        },
        "fid_loss_pct": {
            "ours": ["values.fid", "values.fid_shipped"], "relative": "increase",
            "where": {"protocol": "viton", "pairs": 8},
        },
        "users": {"apart": "nobody was asked"},
    },
    "experiments": {
        "mine": {
            "dense": "dense",
            "control": "control",
            "rows": {"original": "dense", "half": ["pruned", "tuned"]},
            "further": {"more": "extra"},
            "note": "Read on.",
        }
    },
    "shown": {"warp GMACs": "details.cost.parts.warp.gmacs", "deployed MiB": "values.size_mib"},
}  # fmt: skip
MakeRecord = Callable[..., Record]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder of published figures and comparisons."""
    folder = tmp_path / "published"
    (folder / "comparisons").mkdir(parents=True)
    (folder / "paper.yaml").write_text(yaml.safe_dump(PUBLISHED, sort_keys=False))
    (folder / "comparisons" / "pruning.yaml").write_text(yaml.safe_dump(COMPARISON, sort_keys=False))
    return folder


@pytest.fixture
def make() -> MakeRecord:
    """``make("dense", gmacs=8.0, fid=10.0)``: a record of the big network on VITON."""

    def make(name: str, gmacs: float | None = None, protocol: str = "viton", **values: float) -> Record:
        details = {} if gmacs is None else {"cost": {"parts": {"warp": {"gmacs": gmacs}}}}
        return Record(name, model="big", protocol=protocol, pairs=8, values=values, details=details)

    return make


@pytest.fixture
def records(make: MakeRecord) -> list[Record]:
    """Dense, pruned alone, fine-tuned, the control and a row that nobody published."""
    return [
        make("dense", 8.0, size_mib=200.0, fid=10.0, ssim_garment=0.8, l1_garment=0.04),
        make("control", 8.0, size_mib=200.0, fid=9.0, ssim_garment=0.82, l1_garment=0.03),
        make("pruned", 3.0, size_mib=90.0, fid=30.0, ssim_garment=0.3, l1_garment=0.2),
        make("tuned", 3.0, size_mib=90.0, fid=15.0, ssim_garment=0.7, l1_garment=0.06),
        make("extra", 1.0, size_mib=50.0, fid=20.0, ssim_garment=0.6, l1_garment=0.08),
    ]
