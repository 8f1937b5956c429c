"""The experiments behind the published pruning tables: their rows, and what tells these apart."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Command
from vtoncompress.composition import compose_variants

STEPS = ("", "_batch_norm", "_tuned")
DENSE = tuple(f"dense{step}" for step in STEPS)
ROWS = {
    "cloth_warp_module_pruning": {
        *DENSE, *(f"pruned{ratio}{step}" for ratio in (20, 30, 40, 50) for step in STEPS),
    },
    "image_generation_module_pruning": {
        *DENSE, *(f"pruned{ratio}{step}" for ratio in (20, 25, 30, 35, 40) for step in STEPS),
    },
    "best_pruning": {
        *DENSE, *(f"{name}{step}" for name in ("best", "best_whole", "whole20", "whole50") for step in STEPS),
    },
    "full_size_pruning": {
        "dense", *(f"encoders{ratio}" for ratio in (20, 30, 40, 50)), "encoders_and_pyramids40",
        *(f"generator{ratio}" for ratio in (20, 25, 30, 35, 40)), "best", "best_whole",
    },
}  # fmt: skip
COUNTS = {
    "cloth_warp_module_pruning": 15, "image_generation_module_pruning": 18, "best_pruning": 15, "full_size_pruning": 13,
}  # fmt: skip
TRAINED = [name for name in ROWS if name != "full_size_pruning"]


@functools.cache
def configs(experiment: str) -> dict[str, dict[str, Any]]:
    return compose_variants(ROOT / "conf", experiment, ROWS[experiment])


@pytest.mark.parametrize("experiment", ROWS)
def test_a_dry_run_lists_every_row(experiment: str, command: Command, tmp_path: Path) -> None:
    done = command("run", f"experiment={experiment}", "dry_run=true", f"results={tmp_path}", f"store={tmp_path}")
    assert done.code == 0, done.err
    rows = re.findall(r"^│ (\w+) ", done.out, re.MULTILINE)
    assert set(rows) == ROWS[experiment]
    assert len(rows) == COUNTS[experiment]


@pytest.mark.parametrize("experiment", TRAINED)
def test_rows_differ_in_pruning_and_training_alone(experiment: str) -> None:
    rows = configs(experiment)
    assert {row["data"]["pairs"] for row in rows.values()} == {2032}
    for name, row in rows.items():
        tuned, again = name.endswith("_tuned"), name.endswith("_batch_norm")
        assert row["finetuning"]["_target_"].endswith("Supervised" if tuned else "NoFinetuning"), name
        assert row["finetuning"]["batch_norm_pairs"] == (512 if tuned or again else 0), name
        assert row["pruning"]["_target_"].endswith("NoPruning" if name.startswith("dense") else "Iterative"), name
        if found := re.match(r"pruned(\d+)", name):
            assert row["pruning"]["ratio"] == int(found[1]) / 100
    trained = [row["finetuning"] for name, row in rows.items() if name.endswith("_tuned")]
    assert all(one == trained[0] for one in trained)
    assert trained[0]["samples"] >= 3200


def test_the_scopes_are_the_published_ones() -> None:
    encoders = ["warp.image_features", "warp.cond_features"]
    assert {tuple(row["scope"]["modules"]) for row in configs("cloth_warp_module_pruning").values()} == {(*encoders,)}
    assert {tuple(row["scope"]["modules"]) for row in configs("image_generation_module_pruning").values()} == {
        ("generator",)
    }
    for experiment in ("best_pruning", "full_size_pruning"):
        best = configs(experiment)["best"]["pruning"]
        kept = dict.fromkeys(("image_FPN", "cond_FPN", "aflow_net"), 0)
        pruned = dict.fromkeys(("image_features", "cond_features"), 0.4)
        assert (best["ratio"], best["ratios"]) == (0.4, {"generator": 0.25, "warp": kept | pruned})
        assert configs(experiment)["best_whole"]["pruning"]["ratios"] == {"generator": 0.25}
    for name, ratio in {"whole20": 0.2, "whole50": 0.5}.items():
        pruning = configs("best_pruning")[name]["pruning"]
        assert (pruning["ratio"], pruning["ratios"]) == (ratio, {"generator": ratio})


def test_the_full_size_networks_say_how_their_fid_is_filled() -> None:
    for row in configs("full_size_pruning").values():
        assert row["model"]["size"] == [256, 192]
        assert [*row["metric"]] == ["cost", "size", "speed"]
        assert "experiment=full_size_pruning" in row["missing"]["fid"]
        assert "data=viton" in row["missing"]["fid"]
