"""The recipes that were committed still give the rows beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.search.conftest import compose_recipe
from vtoncompress.dry_run import _leaves
from vtoncompress.record import read
from vtoncompress.row import describe

CHOICES = ("variant", "model", "data", "scope", "criterion", "pruning", "finetuning", "quantization", "runtime")


@pytest.mark.parametrize(
    "recipe", [pytest.param(path, id=path.stem[-30:]) for path in sorted(ROOT.glob("results/*/recipes/*.yaml"))]
)
def test_a_committed_recipe_composes_to_the_config_of_its_row(recipe: Path) -> None:
    """No value is another one, but for the results' folder; an option may have come that the row did not know."""
    folder, name = recipe.parents[1], recipe.stem
    row = read(folder / "records" / f"{name}.json")
    config = compose_recipe(folder, name, f"name={folder.name}")
    again = describe(config)
    changed = _leaves(row.trust["config"]) - _leaves(again.trust["config"])
    assert changed == set()
    assert config["threads"] == row.trust["threads"]  # they change a training's rounding
    assert [getattr(again, choice) for choice in CHOICES] == [getattr(row, choice) for choice in CHOICES]
    given = yaml.safe_load(recipe.read_text())
    del given["defaults"], given["threads"]
    changed = _leaves(given) - _leaves(row.trust["config"])
    assert changed == set()
