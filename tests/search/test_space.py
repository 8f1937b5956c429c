from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from vtoncompress.pruning.ratio import flatten
from vtoncompress.record import NAME
from vtoncompress.search.row import compose_row
from vtoncompress.search.space import Space

SPACE = Space.parse(
    {
        "quantization": {"choices": ["none", "nncf_ptq"]},
        "+pruning.ratios.warp": {"low": 0.0, "high": 0.5, "step": 0.05},
        "quantization.samples": {"low": 16, "high": 64, "step": 16},
    }
)
POINT = {"quantization": "none", "+pruning.ratios.warp": 3 * 0.05, "quantization.samples": 16}


def test_a_point_is_written_as_on_the_command_line_without_rounding_errors() -> None:
    assert str(3 * 0.05) == "0.15000000000000002"
    assert SPACE.overrides(POINT) == ["quantization=none", "+pruning.ratios.warp=0.15", "quantization.samples=16"]
    assert Space.parse({"a": {"choices": [None, True, 2]}}).overrides({"a": None}) == ["a=null"]
    assert Space.parse({"a": {"choices": [None, True, 2]}}).overrides({"a": True}) == ["a=true"]


def test_equal_points_share_a_name_that_can_name_a_file_and_others_do_not() -> None:
    name = SPACE.name(POINT)
    assert name.startswith("quantization_none_warp_0.15_samples_16-")
    assert name == SPACE.name({**POINT, "+pruning.ratios.warp": 0.15})
    assert name != SPACE.name({**POINT, "+pruning.ratios.warp": 0.2})
    long = Space.parse({f"parameter_with_a_long_name_{index}": {"choices": ["a", "b"]} for index in range(9)})
    points = [dict.fromkeys(long.distributions, "a") | {"parameter_with_a_long_name_8": last} for last in "ab"]
    assert len({long.name(point) for point in points}) == 2
    assert all(NAME.fullmatch(long.name(point)) for point in (*points,))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"choices": []}, "it has no choice: write"),
        ({"low": 0.0}, "it has low: write {choices: [...]}, or {low: ..., high: ...} with step or log"),
        ({"low": 0.0, "high": 0.5, "step": 0.2}, "high is not reached from low in whole steps"),
        ({"low": 0.5, "high": 0.0}, "low <= high"),
        ({"low": 0.0, "high": 0.5, "setp": 0.1}, "it has low, high, setp"),
        ({"low": "a", "high": "b"}, "search.space.x: "),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Space.parse({"x": options})
    assert message in str(error.value)
    assert str(error.value).startswith("search.space.x: ")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"quantization": "int4"}, "quantization=int4, which its space lacks"),
        ({"+pruning.ratios.warp": 0.07}, "+pruning.ratios.warp=0.07, which its space lacks"),
        ({"+pruning.ratios.warp": 0.55}, "+pruning.ratios.warp=0.55, which its space lacks"),
        ({"other": 1}, "gives quantization, +pruning.ratios.warp, quantization.samples, other: give quantization, +"),
    ],
)
def test_a_start_outside_the_space_is_refused(change: dict[str, Any], message: str) -> None:
    SPACE.check(POINT)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        SPACE.check({**POINT, **change})
    assert message in str(error.value)


def test_an_unseen_point_is_found_until_there_is_none() -> None:
    space = Space.parse({"a": {"low": 0.0, "high": 0.3, "step": 0.1}, "b": {"choices": ["x", "y", "z"]}})
    seen: set[str] = set()
    while (point := space.unseen(seen, random.Random(len(seen)))) is not None:
        space.check(point)
        assert space.name(point) not in seen
        seen.add(space.name(point))
    assert len(seen) == 12


def test_a_continuum_has_always_another_point() -> None:
    space = Space.parse({"a": {"low": 0.0, "high": 0.3}})
    assert space.unseen({space.name({"a": 0.1})}, random.Random(0)) is not None


def test_every_choice_and_both_ends_of_a_range_are_probed() -> None:
    probes = dict(SPACE.probes())
    assert [*probes] == [
        "quantization=none", "quantization=nncf_ptq", "+pruning.ratios.warp=0.0", "+pruning.ratios.warp=0.5",
        "quantization.samples=16", "quantization.samples=64",
    ]  # fmt: skip
    assert [point["+pruning.ratios.warp"] for point in probes["quantization=none"]] == [0.0, 0.5]
    assert [point["quantization"] for point in probes["quantization.samples=64"]] == ["none", "nncf_ptq"]


def test_a_share_of_what_can_be_saved_is_written_as_a_ratio_for_every_layer(tmp_path: Path) -> None:
    table = tmp_path / "sensitivity.csv"
    head = "group,members,ratio,ssim_garment_loss,gmacs_saved,params_m_saved\n"
    table.write_text(f"{head}warp.a.0,warp.a.0 warp.b,0.25,0.0,1,1\nwarp.c,warp.c,0.5,0.1,1,1\n")
    options = {"sensitivity": str(table), "low": 0.0, "high": 1.0, "step": 0.5}
    space = Space.parse({"+pruning.ratios.warp": options})
    half = {"+pruning.ratios.warp": 0.5}
    assert space.overrides(half) == ["+pruning.ratios.warp={a.0:0.25,b:0.25,c:0.0}"]
    assert space.describe(half) == "+pruning.ratios.warp=0.5"
    cfg = compose_row(ROOT / "conf", ["pruning=one_shot", *space.overrides(half)])
    assert flatten(cfg.pruning.ratios) == {"warp.a.0": 0.25, "warp.b": 0.25, "warp.c": 0.0}
    before = space.name(half)
    table.write_text(table.read_text().replace("0.25", "0.125"))
    assert Space.parse({"+pruning.ratios.warp": options}).name(half) != before
    with pytest.raises(ValueError, match=r"search\.space\.quantization: sensitivities say something of a \+pruning"):
        Space.parse({"quantization": options})
    with pytest.raises(ValueError, match="it is a share of what can be saved: use 0 to 1"):
        Space.parse({"+pruning.ratios.warp": {**options, "high": 1.5}})
