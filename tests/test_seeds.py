"""Several seeds of one recipe: means and spreads of exactly the runs that differ in nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vtoncompress.record import Record, read_all, write
from vtoncompress.seeds import SPREAD, over_seeds
from vtoncompress.table import to_markdown, to_seed_tables, write_tables


def run(seed: int, ssim: float, ratio: float = 0.2, **fields: Any) -> Record:
    config = {"seed": seed, "pruning": {"ratio": ratio, "nested": {"seed": seed}}, "variant": f"v{seed}"}
    return Record(
        f"net-{ratio}-openvino-{seed:06x}", model="net", protocol="generated", pairs=4, seed=seed, runtime="openvino",
        values={"ssim_garment": ssim, "gmacs": 1.0, "kid": 0.1, "kid_std": 0.01}, trust={"config": config}, **fields,
    )  # fmt: skip


def test_mean_and_spread_by_hand() -> None:
    [mean] = over_seeds([run(0, 0.70), run(1, 0.72), run(2, 0.77)])
    assert mean.values["ssim_garment"] == pytest.approx(0.73)
    assert mean.values["ssim_garment" + SPREAD] == pytest.approx(0.0360555, rel=1e-5)  # of one run, n - 1
    assert mean.values["gmacs" + SPREAD] == 0
    assert mean.details["seeds"] == [0, 1, 2]
    assert (mean.variant, mean.seed) == ("net-0.2-openvino", None)


def test_seeds_of_the_training_data_are_seeds() -> None:
    runs = []
    for seed, ssim in ((4, 0.75), (2, 0.71), (3, 0.73)):
        one = run(0, ssim)
        one.trust["config"]["training_data"] = {"seed": seed}
        one.variant = f"pruned40_tuned-training_data.seed_{seed}"
        runs.append(one)
    [mean] = over_seeds(runs)
    assert (mean.variant, mean.details["seeds"]) == ("pruned40_tuned", [2, 3, 4])
    assert mean.values["ssim_garment"] == pytest.approx(0.73)
    assert mean.values["ssim_garment" + SPREAD] == pytest.approx(0.02)
    both = run(1, 0.7)
    both.trust["config"]["training_data"] = {"seed": 2}
    [mean] = over_seeds([*runs, both])
    assert mean.details["seeds"] == ["0/2", "0/3", "0/4", "1/2"]
    assert over_seeds([runs[0], runs[0]]) == []


def test_only_runs_that_differ_in_nothing_but_seeds_belong_together() -> None:
    others = [run(0, 0.7), run(1, 0.8, ratio=0.3), run(1, 0.1, status="failed", reason="lost")]
    assert over_seeds(others) == []
    reference = Record("unchanged-1", role="reference", trust={"config": {}})
    assert over_seeds([reference, reference, run(0, 0.7), run(0, 0.7)]) == []


def test_the_table_shows_the_spread() -> None:
    [table] = to_seed_tables([run(0, 0.70), run(1, 0.72)])
    text = to_markdown(table)
    assert "mean ± standard deviation over seeds" in text
    assert "0.710 ± 0.014" in text
    assert "net-0.2-openvino (seeds 0, 1)" in text
    assert to_seed_tables([run(0, 0.70)]) == []


def test_a_mean_that_misleads_is_flagged_like_a_row() -> None:
    runs = [run(0, 0.70), run(1, 0.72), run(0, 0.60, 0.3), run(1, 0.62, 0.3)]
    for record, fid in zip(runs, (5.0, 5.2, 4.0, 4.2), strict=True):
        record.values["fid_shipped"] = fid
        if record.values["ssim_garment"] < 0.7:
            record.pruning, record.pruning_ratio = "one_shot", 0.3
    [table] = to_seed_tables(runs)
    assert [row[0].endswith("⚑") for row in table.rows] == [False, True]


def test_it_stands_below_the_rows(tmp_path: Path) -> None:
    for record in (run(0, 0.70), run(1, 0.72)):
        write(record, tmp_path)
    write_tables(read_all(tmp_path), tmp_path)
    assert (tmp_path / "table.md").read_text().count("### Protocol generated") == 2
    assert "over seeds" in (tmp_path / "table.tex").read_text()
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 3


def test_rows_that_frame_no_variant_are_left_out(tmp_path: Path) -> None:
    """Such as those of a data set that the experiment was once run on."""
    for variant, pairs in (("unchanged-a", 4), ("unchanged-b", 8)):
        write(Record(variant, role="reference", protocol="generated", pairs=pairs), tmp_path)
    write(run(0, 0.7), tmp_path)
    assert [record.variant for record in read_all(tmp_path) if record.role == "reference"] == ["unchanged-a"]


@pytest.mark.parametrize(
    "config, remedy",
    [
        ({"finetuning": {"samples": 8}, "training_data": {"seed": 0}}, "vary training_data.seed"),
        ({"quantization": {"training": {"samples": 8}}, "training_data": {"seed": 0}}, "vary training_data.seed"),
        ({"finetuning": {"samples": 8}, "training_data": {}}, "nothing in it depends on them"),  # pairs of a folder
        ({"finetuning": {}, "training_data": {"seed": 0}}, "nothing in it depends on them"),
    ],
)
def test_seeds_that_change_nothing_are_named_with_what_would(config: dict[str, Any], remedy: str) -> None:
    runs = [run(0, 0.70), run(1, 0.70), run(0, 0.60, 0.3), run(1, 0.62, 0.3)]
    for record in runs:
        record.trust["config"] |= config
        record.values["latency_ms_p50"] = 4.0 + record.trust["config"]["seed"]  # no seed's doing
    [table] = to_seed_tables(runs)
    assert table.notes == [f"Seeds 0, 1 change no picture of net-0.2-openvino: {remedy}."]


def test_seeds_of_the_training_data_that_change_nothing_are_not_proposed() -> None:
    runs = [run(0, 0.70), run(0, 0.70)]
    for seed, record in enumerate(runs):
        record.trust["config"] |= {"finetuning": {"samples": 8}, "training_data": {"seed": seed}}
    [table] = to_seed_tables(runs)
    assert table.notes == ["Seeds 0, 1 change no picture of net-0.2-openvino: nothing in it depends on them."]
