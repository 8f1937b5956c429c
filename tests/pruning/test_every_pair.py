"""Every scope with every criterion: channels go, and what was saved and opened again passes the gate; once a scope also
through ONNX Runtime and OpenVINO, whose graphs are the scope's alone."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.conftest import ROOT
from tests.export.conftest import EXPORTERS, pictures, toy
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.export.parity import check_parity
from vtoncompress.pruning.one_shot import OneShot
from vtoncompress.pruning.reached import compare, count

SCOPES = sorted(  # those of PF-AFN
    path.stem
    for path in (ROOT / "conf" / "scope").glob("*.yaml")
    if all(name.startswith(("warp", "generator")) for name in OmegaConf.load(path).modules)
)
CRITERIA = sorted(path.stem for path in (ROOT / "conf" / "criterion").glob("*.yaml"))
SMALL = ["criterion.pairs=1", "criterion.samples=2", "criterion.batch_size=2", "finetuning.workers=0"]
PAIRS = [
    pytest.param(scope, criterion, _exporters, id=f"{scope}-{criterion}")
    for row, scope in enumerate(SCOPES)
    for column, criterion in enumerate(CRITERIA)
    # A graph's structure is the scope's alone: each scope meets each slow exporter once, with another criterion.
    for _exporters in [
        [
            "torch",
            *(["openvino"] if (row + column) % len(CRITERIA) == 0 else []),
            *(["onnx"] if (row + column) % len(CRITERIA) == 1 else []),
        ]
    ]
]


@pytest.mark.parametrize("scope, criterion, exporters", PAIRS)
def test_it_prunes_exports_and_passes_the_parity_gate(
    scope: str, criterion: str, exporters: Sequence[str], tmp_path: Path
) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", [f"scope={scope}", f"criterion={criterion}", *SMALL])
    model, data = toy("official"), Synthetic("train", 2, 128, 96)
    before = count(model, cfg.scope.modules)
    OneShot(0.5).prune(model, cfg.scope.modules, instantiate(cfg.criterion), data, tmp_path)
    removed = compare(before, count(model, cfg.scope.modules))
    for module in cfg.scope.modules:
        assert 0.3 < removed[module]["channels"]["removed"] < 0.6, module
    for exporter in exporters:
        folder = tmp_path / exporter
        EXPORTERS[exporter]().export(model, folder)
        runtime = importlib.import_module(f"vtoncompress.export.{exporter}").open_runtime(folder, 1)
        check_parity(model, runtime, pictures(1), 0.1)


def test_the_pairs_are_all_there_are() -> None:
    assert len(SCOPES) >= 8
    assert len(CRITERIA) >= 9
    assert len(PAIRS) == len(SCOPES) * len(CRITERIA)
    for exporter in ("openvino", "onnx"):
        met = [pair.values for pair in PAIRS if exporter in pair.values[2]]
        assert {scope for scope, _, _ in met} == {*SCOPES}
