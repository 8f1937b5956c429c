from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SIZE
from vtoncompress.data.base import Pair
from vtoncompress.data.calibration import STRATA, Calibration
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.stage import calibration as stage

DATA = Synthetic("train", 96, *SIZE)
NODE = {"_target_": "vtoncompress.data.synthetic.Synthetic", "split": "train", "pairs": 8, "height": 128, "width": 96}


def names(*options: object) -> list[str]:
    return [pair.name for pair in Calibration(*options).choose(DATA)]  # type: ignore[arg-type]


def test_seeds_choose_different_pairs() -> None:
    chosen = [names(4, seed) for seed in range(3)]
    assert len({name for some in chosen for name in some}) == 12
    assert chosen[0] == names(4, 0)


@pytest.mark.parametrize("stratification", STRATA)
def test_strata_reach_further_than_neighbours(stratification: str) -> None:
    measure = STRATA[stratification]
    values = sorted(measure(pair) for pair in DATA[:48])
    chosen = sorted(measure(pair) for pair in Calibration(6, 0, stratification).choose(DATA))
    # One of each sixth of all that were looked at.
    for number, value in enumerate(chosen):
        assert values[8 * number] <= value <= values[8 * number + 7]


def test_too_small_a_data_set_is_told() -> None:
    with pytest.raises(ValueError, match=r"looks at 800 pairs .* but there are 96: use fewer"):
        Calibration(100, 0, "garment_area").choose(DATA)


@pytest.mark.parametrize("options, told", [((0,), "pairs=0"), ((1, -1), "seed=-1"), ((1, 0, "hue"), "garment_area")])
def test_wrong_options_are_told(options: tuple[object, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Calibration(*options)  # type: ignore[arg-type]


def test_the_stage_keeps_what_the_network_is_fed(tmp_path: Path) -> None:
    told = {"_target_": "vtoncompress.data.calibration.Calibration", "pairs": 3}
    stage.make({"calibration": told, "data": NODE}, tmp_path)
    inputs = stage.read(tmp_path)
    assert len(inputs) == 3
    assert inputs[0]["person"].shape == (1, 3, *SIZE)
    np.testing.assert_allclose(inputs[2]["person"][0].transpose(1, 2, 0), DATA[2].person / 127.5 - 1, atol=1e-6)


def test_pictures_of_one_colour_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def blank(pair: Pair) -> Pair:
        return replace(pair, person=np.full_like(pair.person, 7), garment=np.full_like(pair.garment, 7))

    one = [blank(DATA[0])]
    monkeypatch.setattr(Calibration, "choose", lambda self, data: one)
    told = {"_target_": "vtoncompress.data.calibration.Calibration", "pairs": 1}
    with pytest.raises(ValueError, match="every calibration person is of one colour"):
        stage.make({"calibration": told, "data": NODE}, tmp_path)
