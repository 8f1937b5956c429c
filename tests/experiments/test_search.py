"""A search from its command to a recipe that is run again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import ROOT, TOY, Command
from tests.search.conftest import SEARCH, compose_recipe
from vtoncompress import variant
from vtoncompress.pipeline import plan
from vtoncompress.record import read
from vtoncompress.search.frontier import non_dominated
from vtoncompress.search.row import check_rows
from vtoncompress.search.settings import Settings

Search = Callable[..., Any]


@pytest.fixture
def search(command: Command, tmp_path: Path) -> Search:
    """Runs a search that the user wrote: its file is the one thing given besides options."""
    (tmp_path / "mine" / "search").mkdir(parents=True)
    file = tmp_path / "mine" / "search" / "toy.yaml"

    def run(*arguments: str, **changed: Any) -> Any:
        file.write_text(yaml.safe_dump({**SEARCH, "trials": 2, **changed}))
        places = [f"results={tmp_path / 'results'}", f"store={tmp_path / 'store'}"]
        return command("search", "--config-dir", str(file.parents[1]), "search=toy", *places, *TOY, *arguments)

    return run


@pytest.mark.slow
def test_a_search_ends_in_recipes_that_give_their_rows_again(search: Search, command: Command, tmp_path: Path) -> None:
    done = search()
    assert done.code == 0, done.err
    folder = tmp_path / "results" / "toy_search"
    found = json.loads((folder / "pareto.json").read_text())
    assert found["trials"] == {"measured": 2}
    records = {path.stem: read(path) for path in (folder / "records").glob("*.json")}
    rows = {name: record for name, record in records.items() if record.role == "variant"}
    assert len(rows) == 3
    assert {record.status for record in rows.values()} == {"done"}
    points = {
        name: (-one.values["ssim_garment"], one.values["gmacs"], one.values["size_mib"]) for name, one in rows.items()
    }
    best = {[*points][index] for index in non_dominated([*points.values()])}
    assert {row["variant"] for row in found["pareto"]} == best
    assert {path.stem for path in (folder / "recipes").iterdir()} == best
    assert "2 trials: 2 measured" in done.out
    assert (folder / "table.csv").exists()

    shutil.copytree(folder / "records", tmp_path / "results" / "grid" / "records")
    again = search("compare=grid")
    assert again.code == 0, again.err
    assert "running" not in again.err
    volume = again.out.rpartition("Hypervolume of the frontiers, 0 to 1: ")[2].split()[0]
    assert f"{volume} of grid ({len(best)} of 3 rows)" in again.out
    assert json.loads((folder / "pareto.json").read_text()) == found

    name = next(name for name in sorted(best) if name != "dense")
    config = compose_recipe(folder, name, f"results={tmp_path / 'again'}", f"store={tmp_path / 'new'}", "name=a")
    assert [stage.address for stage in plan(config).stages] == rows[name].stages
    record = variant.run(config)
    assert record.status == "done", record.traceback
    assert record.values == pytest.approx(rows[name].values, rel=1e-6)
    assert (record.variant, record.pruning, record.runtime) == (name, "one_shot", "torch")


@pytest.mark.parametrize(
    "arguments, changed, message",
    [
        (["workers=0"], {}, "workers=0: use 1 to "),
        (["experiment=quickstart"], {}, "experiment= says nothing to a search: leave it out"),
        (["variant=mine"], {}, "variant= says nothing to a search"),
        (["search.trials=0"], {}, "search.trials=0: use 1 or more"),
        (["compare=nowhere"], {}, "has no finished rows to compare with"),
        (["pruning.rato=0.3"], {}, "pruning.rato"),
        ([], {"objectives": {"fid": "minimize"}}, "doing nothing to the person wins it; make it a constraint"),
        ([], {"trails": 3}, "unknown option search.trails: a search has name, trials"),
        ([], {"space": {"+pruning.ratios.warp": {"low": 0.5, "high": 1.5}}}, "pruning.ratios.warp=1.5: give the share"),
        ([], {"space": {"quantization": {"choices": ["none", "int3"]}}}, "unknown quantization=int3: choose one of"),
        ([], {"space": {"quantization": {"choices": ["none", "nncf_ptq"]}}}, "can't run on torch: it runs on"),
    ],
)
def test_a_mistake_gives_one_line_and_nothing_is_run(
    search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], changed: Any, message: str
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("work has begun")

    monkeypatch.setattr("vtoncompress.sweep.subprocess.Popen", forbidden)
    done = search(*arguments, **changed)
    assert done.code == 2, done.err
    assert done.err.startswith("error: ")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"mine"}


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "conf" / "search").glob("*.yaml"))])
def test_every_search_is_one_that_can_be_run(name: str, tmp_path: Path) -> None:
    head = (ROOT / "conf" / "search" / f"{name}.yaml").read_text().split("\nname:")[0]
    assert f"python experiments/search.py search={name}" in head, "the command that runs it is missing"
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("search", [f"search={name}"])
    options: Any = OmegaConf.to_container(cfg.search, resolve=True)
    source = {"search": options, "conf": str(ROOT / "conf"), "results": str(tmp_path), "store": str(tmp_path)}
    settings = Settings.parse({**source, "name": cfg.name, "arguments": []})
    check_rows(settings)
