"""The ratio that is told is the one reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.conftest import ROOT
from vtoncompress import checkpoint
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.reached import compare, count
from vtoncompress.stage.pruning import make


def test_the_stage_tells_what_was_removed_of_each_part(toy: PFAFN, tmp_path: Path) -> None:
    dense, out = tmp_path / "dense", tmp_path / "out"
    checkpoint.save(toy, dense)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", ["pruning=one_shot", "pruning.ratio=0.3", "+pruning.ratios.warp.image_FPN=0"])
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    config = {name: config[name] for name in ("pruning", "criterion", "seed")} | {"scope": config["scope"]["modules"]}
    make(config, dense, out, tmp_path)
    found = json.loads((out / "pruning.json").read_text())
    assert [*found] == ["network", "warp", "generator", "warp.image_FPN"]
    left = checkpoint.load(out)
    total = sum(parameter.numel() for parameter in left.parameters())
    assert found["network"]["parameters"]["after"] == total
    assert found["network"]["parameters"]["before"] == sum(parameter.numel() for parameter in toy.parameters())
    # The generator's widths are 4 to 32 and round up to whole channels; its output layer keeps its four.
    assert 0.3 < found["generator"]["channels"]["removed"] < 0.36
    assert 0.45 < found["generator"]["parameters"]["removed"] < 0.6
    assert found["warp.image_FPN"]["channels"]["removed"] == 0
    assert 0 < found["warp"]["channels"]["removed"] < 0.3


def test_nothing_removed_is_told_too(toy: PFAFN) -> None:
    counts = count(toy, ["warp"])
    found = compare(counts, counts)
    assert {units["removed"] for module in found.values() for units in module.values()} == {0.0}
