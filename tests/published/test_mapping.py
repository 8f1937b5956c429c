"""What stands beside what is data: read from files, complete or refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.published.conftest import COMPARISON
from vtoncompress.composition import compose_variants
from vtoncompress.published.figures import read_mapping
from vtoncompress.published.mapping import FOLDER, Column, Row, read_comparisons


def test_a_comparison(published: Path) -> None:
    (comparison,) = read_comparisons("mine", published)
    assert comparison.figures.name == "paper.pruning"
    assert comparison.columns["fid"].ours == ("values.fid", "values.fid_shipped")
    assert comparison.columns["gflops"] == Column(
        ("details.cost.parts.warp.gmacs",), where={"model": "big"}, errata=("1",)
    )
    assert comparison.experiment.rows == {"original": Row(("dense",)), "half": Row(("pruned", "tuned"))}
    assert comparison.experiment.further == {"more": Row(("extra",))}
    assert (comparison.experiment.dense, comparison.experiment.control) == ("dense", ("control",))


def test_an_experiment_that_no_table_is_held_against(published: Path) -> None:
    assert read_comparisons("another", published) == []


def _without_a_row(content: dict[str, Any]) -> None:
    del content["experiments"]["mine"]["rows"]["half"]


def _with_a_column(content: dict[str, Any]) -> None:
    content["columns"]["kid"] = {"ours": "values.kid"}


def _without_a_number(content: dict[str, Any]) -> None:
    content["columns"]["users"] = {"why": "no reason"}


def _with_a_control_too_many(content: dict[str, Any]) -> None:
    content["experiments"]["mine"]["control"] = ["one", "two"]


def _with_an_unknown_key(content: dict[str, Any]) -> None:
    content["columns"]["fid"]["our"] = "values.fid"


def _with_an_unknown_relation(content: dict[str, Any]) -> None:
    content["columns"]["fid"]["relative"] = "twice"


def _with_an_unknown_erratum(content: dict[str, Any]) -> None:
    content["columns"]["fid"]["errata"] = ["speed.2"]


def _without_figures(content: dict[str, Any]) -> None:
    del content["figures"]


@pytest.mark.parametrize(
    "spoil, message",
    [
        (_without_a_row, "half is no row of both it and paper.pruning"),
        (_with_a_column, "kid is no column of both it and paper.pruning"),
        (_without_a_number, "a column needs ours, where our number is, or apart, why we have none"),
        (_with_a_control_too_many, "half has 1 steps after the first, but control has 2"),
        (_with_an_unknown_key, "unexpected keyword argument 'our'"),
        (_with_an_unknown_relation, "relative: twice: choose one of value, dense, share, increase"),
        (_with_an_unknown_erratum, "paper.pruning has no erratum speed.2"),
        (_without_figures, "pruning.yaml: figures is missing"),
    ],
)
def test_a_comparison_that_says_too_much_or_too_little(
    published: Path, spoil: Callable[[dict[str, Any]], None], message: str
) -> None:
    content = copy.deepcopy(COMPARISON)
    spoil(content)
    (published / "comparisons" / "pruning.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=message):
        read_comparisons("mine", published)


SHIPPED = sorted((FOLDER / "comparisons").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_a_shipped_comparison_names_rows_that_its_experiments_have(path: Path) -> None:
    for experiment in read_mapping(path)["experiments"]:
        told = [one for one in read_comparisons(experiment) if one.figures.name.endswith(path.stem)]
        (comparison,) = told
        mine = comparison.experiment
        rows = (*mine.rows.values(), *mine.further.values())
        named = {mine.dense, *mine.control, *(step for row in rows for step in row.steps)}
        assert compose_variants(ROOT / "conf", experiment, named).keys() == named


def test_the_pruning_tables_are_held_against_both_networks() -> None:
    tables = ["cloth_warp_module_pruning", "image_generation_module_pruning", "best_pruning"]
    for table in tables:
        assert [one.figures.name for one in read_comparisons(table)] == [f"lzhms_virtual_tryon.{table}"]
    assert len(read_comparisons("full_size_pruning")) == len(tables)
