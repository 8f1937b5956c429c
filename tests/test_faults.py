"""A sweep that is killed, or started four times at once, ends as one that nobody disturbed."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest

from tests import faults


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
    told = [f"output{number}" for number in range(4)]
    sweeps = [faults.start(tmp_path, faults.CHEAP, told=name) for name in told]
    outputs = [(sweep.wait(), (tmp_path / name).read_text()) for sweep, name in zip(sweeps, told, strict=True)]
    assert [code for code, _ in outputs] == [0, 0, 0, 0], outputs
    assert set(faults.built(tmp_path).values()) == {1}
    faults.check_whole(tmp_path)
    pd.testing.assert_frame_equal(faults.table(tmp_path), faults.table(undisturbed[0]), check_exact=True)
    printed = [output[output.index("Protocol ") :].partition("tables, records")[0] for _, output in outputs]
    assert printed[0].count("float32") >= faults.VARIANTS
    assert printed == [printed[0]] * 4
