"""A sweep that is killed, or started four times at once, ends as one that nobody disturbed."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest

from tests import faults

FEW = (*faults.COMMON, "export=torch", "pruning.ratio=0.2,0.4", "finetuning.samples=4")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, faults.run(folder, faults.CHEAP, one_process=True)


@pytest.mark.slow
def test_killed_three_times_the_table_is_the_same_bit_for_bit(undisturbed: tuple[Path, float], tmp_path: Path) -> None:
    folder, seconds = undisturbed
    assert (faults.table(folder).role == "variant").sum() == faults.VARIANTS
    faults.kill_at_random(tmp_path, 3, 0.5 * seconds, random.Random(0), faults.CHEAP)
    faults.run(tmp_path, faults.CHEAP)
    faults.check_whole(tmp_path)
    pd.testing.assert_frame_equal(faults.table(tmp_path), faults.table(folder), check_exact=True)


@pytest.mark.slow
def test_started_four_times_at_once_every_stage_is_built_once(undisturbed: tuple[Path, float], tmp_path: Path) -> None:
    sweeps = [faults.start(tmp_path, FEW) for _ in range(4)]
    assert [sweep.wait() for sweep in sweeps] == [0, 0, 0, 0], (tmp_path / "output").read_text()
    assert set(faults.built(tmp_path).values()) == {1}
    faults.check_whole(tmp_path)
    table = faults.table(tmp_path)
    assert (table.role == "variant").sum() == 2
    alone = faults.table(undisturbed[0]).loc[table.index]
    pd.testing.assert_frame_equal(table, alone, check_exact=True)
