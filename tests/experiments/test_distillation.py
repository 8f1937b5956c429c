"""The experiment that holds distillation against plain fine-tuning: its rows, and what alone tells them apart."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from tests.conftest import ROOT, Command
from vtoncompress.record import Record
from vtoncompress.seeds import over_seeds
from vtoncompress.variant_config import complete

ONCE = {"dense", "dense_batch_norm", *(f"pruned{ratio}{step}" for ratio in (40, 50) for step in ("", "_batch_norm"))}
TRAINED = {"dense_tuned", *(f"pruned{ratio}{step}" for ratio in (40, 50) for step in ("_tuned", "_distilled"))}
SEEDS = (2, 3, 4)

# Of the plan, without the rows that frame the table.
ROW = r"^│ ((?!unchanged-|pasted-|oracle-)[\w.-]+) "


@functools.cache
def rows() -> dict[str, DictConfig]:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        whole = compose("config", ["experiment=distillation"], return_hydra_config=True)
        return {
            name: compose("config", ["experiment=distillation", f"variant={name}", *row], return_hydra_config=True)
            for name, row in whole.hydra.sweeper.variants.items()
        }


def test_a_dry_run_lists_what_is_trained_once_a_seed_and_the_rest_once(command: Command, tmp_path: Path) -> None:
    done = command("run", "experiment=distillation", "dry_run=true", f"results={tmp_path}", f"store={tmp_path}")
    assert done.code == 0, done.err
    found = re.findall(ROW, done.out, re.MULTILINE)
    assert len(found) == len(ONCE) + 3 * len(TRAINED) == 21
    assert set(found) == ONCE | {f"{name}-training_data.seed_{seed}" for name in TRAINED for seed in SEEDS}


@pytest.mark.parametrize("option", ["training_data.seed=7", "seed=0,1"])
def test_the_command_line_has_the_last_word(command: Command, tmp_path: Path, option: str) -> None:
    done = command("run", "experiment=distillation", option, "dry_run=true", f"results={tmp_path}", f"store={tmp_path}")
    assert done.code == 0, done.err
    found = re.findall(ROW, done.out, re.MULTILINE)
    assert len(found) == (11 if "=7" in option else 2 * 21)


def test_rows_of_one_ratio_differ_in_how_they_are_trained_alone() -> None:
    assert rows().keys() == ONCE | TRAINED
    for name, row in rows().items():
        assert (row.data.pairs, row.seed, row.scope.name) == (512, 0, "warp_and_generator")
        kind = {"tuned": "Supervised", "distilled": "Distillation"}.get(name.rpartition("_")[2], "NoFinetuning")
        assert row.finetuning._target_.endswith(kind), name
        assert row.pruning._target_.endswith("NoPruning" if name.startswith("dense") else "Iterative")
        if found := re.match(r"pruned(\d+)", name):
            assert row.pruning.ratio == int(found[1]) / 100
        assert name in TRAINED or row.training_data.seed == SEEDS[0]
        assert row.finetuning.batch_norm_pairs == (512 if "_" in name else 0)
    tuned, distilled = (dict(rows()[f"pruned40_{step}"].finetuning) for step in ("tuned", "distilled"))
    assert {key for key in tuned if tuned[key] != distilled[key]} == {"_target_", "teacher"}
    assert distilled["teacher"] == "dense"
    assert len({rows()[name].finetuning.samples for name in TRAINED}) == 1


def test_the_seeds_of_a_row_meet_in_one_mean() -> None:
    records = []
    for name in ("pruned40_tuned", "pruned40_distilled"):
        for seed in SEEDS:
            cfg = rows()[name].copy()
            cfg.training_data.seed = seed
            cfg.variant = f"{name}-training_data.seed_{seed}"
            config: dict[str, Any] = complete(cfg, cfg.hydra.runtime.choices, 0)
            records.append(Record(cfg.variant, seed=0, values={"ssim_garment": 0.1 * seed}, trust={"config": config}))
    means = over_seeds(records)
    assert [(mean.variant, mean.details["seeds"]) for mean in means] == [
        ("pruned40_tuned", [2, 3, 4]), ("pruned40_distilled", [2, 3, 4]),
    ]  # fmt: skip
    assert means[0].values["ssim_garment"] == pytest.approx(0.3)
