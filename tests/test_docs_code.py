"""The Python of README and docs runs as it stands, each block in a folder that has what its text speaks of."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import ROOT, SIZE
from vtoncompress import checkpoint
from vtoncompress.data.base import Pair
from vtoncompress.deployment import write_manifest
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.image import read_image, write_image
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.network import TRAINED
from vtoncompress.record import Record, write
from vtoncompress.store import Store

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = [
    (path.name, code)
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
    for code in BLOCK.findall(path.read_text())
]


@pytest.fixture(scope="module")
def deployed(toys: dict[str, PFAFN], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "deployed"
    OpenVINOExporter().export(toys["official"], folder)
    write_manifest(folder, OpenVINOExporter(), model="toy", size=SIZE)
    return folder


def deploying(toy: PFAFN, pairs: list[Pair]) -> dict[str, Any]:
    write_image(Path("person.png"), pairs[0].person)
    write_image(Path("garment.png"), pairs[0].garment)
    return {}


def speed(toy: PFAFN, pairs: list[Pair]) -> dict[str, Any]:
    people = [pair.person for pair in pairs[:2]]
    return {"garment": pairs[0].garment, "mask": pairs[0].garment_mask, "people": people, "person": people[0]}


def pruning(toy: PFAFN, pairs: list[Pair]) -> dict[str, Any]:
    checkpoint.save(toy, Path("my_network"))
    kept = Store(Path(".store")).build(TRAINED, {}, [], [], lambda out: checkpoint.save(toy, out))
    write(Record("pruned40_openvino", stages=[f"{TRAINED}/{kept.key}"]), Path("results/quickstart"))
    return {}


def cat_vton(toy: PFAFN, pairs: list[Pair]) -> dict[str, Any]:
    return {"torch": torch, "network": torch.nn.Conv2d(3, 18, 1)}


PREPARED: dict[str, Callable[[PFAFN, list[Pair]], dict[str, Any]]] = {
    "deploying.md": deploying, "speed.md": speed, "pruning.md": pruning, "cat_vton.md": cat_vton
}  # fmt: skip


def test_every_document_with_code_is_known() -> None:
    assert {name for name, _ in BLOCKS} == {*PREPARED}


@pytest.mark.parametrize("name, code", BLOCKS, ids=[name for name, _ in BLOCKS])
def test_it_runs(
    name: str, code: str, deployed: Path, toy: PFAFN, pairs: list[Pair], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("deployed").symlink_to(deployed)
    names = PREPARED[name](toy, pairs)
    exec(compile(code, name, "exec"), names)
    if name == "deploying.md":
        result = read_image("result.png")
        assert result.shape == (*SIZE, 3)
        assert np.abs(result.astype(int) - pairs[0].person).mean() > 1
    elif name == "speed.md":
        expected = [names["tryon"](person, names["garment"], names["mask"]) for person in names["people"]]
        assert np.abs(np.array(names["pictures"], int) - expected).mean() < 0.5
    elif name == "pruning.md":
        assert names["network"].arguments() == toy.arguments()
    else:
        assert Path("schp_atr.onnx").stat().st_size > 0
