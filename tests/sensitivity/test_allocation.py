"""The cheapest savings come first, and tied layers get one ratio.

``python -m tests.sensitivity.test_allocation`` writes the ratios in conf/pruning/ratios anew.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.conftest import ROOT
from vtoncompress.sensitivity.allocation import Allocation

SENSITIVITY = ROOT / "results" / "sensitivity" / "sensitivity.csv"
SHAPED = {ROOT / "conf" / "pruning" / "ratios" / f"shaped{percent}.yaml": percent for percent in (70, 90)}
HEAD = """\
# Of every layer the share of its channels that goes, so that the cheapest {percent} % are saved of what half of all
# channels would save, in the warp network and in the generator (results/sensitivity, docs/pruning.md). With
# pruning.ratio=0.5, the most that one of them loses.
"""
# Free to its half; worth while only up to 0.25; dear; free, but of another part.
TABLE = """\
group,members,ratio,ssim_garment_loss,gmacs_saved,params_m_saved
dense,,0,0,0,0
warp.a,warp.a warp.b,0.25,0.0,1,1
warp.a,warp.a warp.b,0.5,-0.001,2,2
warp.c,warp.c,0.25,0.01,1,1
warp.c,warp.c,0.5,0.5,2,2
warp.d,warp.d,0.25,0.2,1,1
warp.d,warp.d,0.5,0.3,2,2
other.e,other.e,0.25,0.0,1,1
other.e,other.e,0.5,0.0,2,2
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "sensitivity.csv"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    "share, a, c, d",
    [
        (0, 0, 0, 0),
        (0.1, 0.5, 0, 0),
        (1 / 3, 0.5, 0, 0),
        (0.5, 0.5, 0.25, 0),
        (0.7, 0.5, 0.25, 0.5),
        (1, 0.5, 0.5, 0.5),
    ],
)
def test_the_cheapest_ratios_are_taken_until_the_share_is_reached(
    table: Path, share: float, a: float, c: float, d: float
) -> None:
    """Of d 0.25 alone costs more for what it saves than 0.5: it is no step of its own."""
    ratios = Allocation.read(table, "warp").ratios(share)
    assert ratios == {"warp.a": a, "warp.b": a, "warp.c": c, "warp.d": d}


def test_more_saves_no_less_in_the_shipped_table() -> None:
    """And costs no more than what is left out would have, step by step."""
    for part in ("warp", "generator"):
        allocation = Allocation.read(SENSITIVITY, part)
        prices = [step.price for step in allocation.steps]
        assert prices == sorted(prices)
        rising = [allocation.ratios(share / 10) for share in range(11)]
        assert all(less[layer] <= more[layer] for less, more in itertools.pairwise(rising) for layer in less)
        assert {*rising[0].values()} == {0.0}
        assert {*rising[-1].values()} == {0.5}


@pytest.mark.parametrize(
    "text, part, message",
    [
        (TABLE, "generator", "has no group of layers in generator"),
        ("a,b\n1,2\n", "warp", "holds no sensitivities: write them with"),
        (None, "warp", "holds no sensitivities: write them with"),
    ],
)
def test_a_table_that_says_nothing_of_the_part_is_refused(
    table: Path, text: str | None, part: str, message: str
) -> None:
    table.unlink() if text is None else table.write_text(text)
    with pytest.raises(ValueError, match=message):
        Allocation.read(table, part)


def _shaped(percent: int) -> str:
    lines = []
    for part in ("warp", "generator"):
        ratios = Allocation.read(SENSITIVITY, part).ratios(percent / 100)
        lines += [f"{part}:", *(f"  {layer.removeprefix(f'{part}.')}: {ratio:g}" for layer, ratio in ratios.items())]
    return HEAD.format(percent=percent) + "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", SHAPED, ids=lambda path: path.stem)
def test_the_shipped_ratios_are_those_of_the_shipped_table(path: Path) -> None:
    assert path.read_text() == _shaped(SHAPED[path]), "python -m tests.sensitivity.test_allocation writes it"


if __name__ == "__main__":
    for file, percent in SHAPED.items():
        file.write_text(_shaped(percent))
