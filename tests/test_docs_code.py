"""The Python of README and docs runs as it stands, each block in a folder that has what its text speaks of."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import openvino
import pytest
import torch
from torch import Tensor

from tests.conftest import ROOT, SIZE
from vtoncompress import checkpoint
from vtoncompress.data.base import Pair
from vtoncompress.deployment import write_manifest
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.image import read_image, write_image
from vtoncompress.masking.label_network import LabelNetwork
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


class Schp(torch.nn.Module):
    """Outputs as SCHP's: two parsings, of which the second counts, and edges, all smaller than the picture."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.parsing, self.fusion, self.edge = (torch.nn.Conv2d(3, classes, 4, 4) for classes in (18, 18, 2))

    def forward(self, picture: Tensor) -> list[list[Tensor]]:
        return [[self.parsing(picture), self.fusion(picture)], [self.edge(picture)]]


class DensePose(torch.nn.Module):
    """Outputs as detectron2's: a small person of part 3 and a large one of parts 1 and 2, whose lower half is none.

    In a dark picture it finds nobody.
    """

    def __init__(self) -> None:
        super().__init__()
        self.boxes = torch.tensor([[10.0, 10.0, 30.0, 30.0], [100.0, 50.0, 300.0, 450.0]])

    def inference(self, shown: list[dict[str, Tensor]], do_postprocess: bool) -> list[SimpleNamespace]:
        bright = (shown[0]["image"].mean() > 100).expand(2)
        fine, coarse = torch.zeros(2, 25, 16, 16), torch.zeros(2, 2, 16, 16)
        fine[0, 3] = fine[1, 1, :, :8] = fine[1, 2, :, 8:] = 5
        coarse[:, 1], coarse[1, 0, 8:] = 1, 2
        told = SimpleNamespace(coarse_segm=coarse[bright], fine_segm=fine[bright])
        return [SimpleNamespace(pred_boxes=SimpleNamespace(tensor=self.boxes[bright]), pred_densepose=told)]


def check_schp(network: Schp) -> None:
    """The file gives the fused scores, each pixel of its own."""
    photo = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    labels = LabelNetwork("schp_atr.onnx", 18, (512, 512), (0, 0, 0), (1, 1, 1), "rgb")(photo)
    with torch.inference_mode():
        scores = network.fusion(torch.from_numpy(photo).permute(2, 0, 1)[None] / 255)
        stretched = torch.nn.functional.interpolate(scores, (512, 512), mode="bilinear", align_corners=True)
    assert (labels == stretched[0].argmax(0).numpy()).mean() > 0.999


def check_densepose() -> None:
    """The file gives the largest person's parts where they are in the picture."""
    network = LabelNetwork("densepose.xml", 25, (512, 512), (0, 0, 0), (1, 1, 1), "bgr")
    expected = np.zeros((512, 512), np.uint8)
    expected[50:250, 100:200], expected[50:250, 200:300] = 1, 2
    assert (network(np.full((512, 512, 3), 200, np.uint8)) == expected).mean() > 0.999
    assert (network(np.full((512, 512, 3), 50, np.uint8)) == 0).all()


def cat_vton(toy: PFAFN, pairs: list[Pair]) -> dict[str, Any]:
    return {"torch": torch, "openvino": openvino, "network": Schp(), "densepose": DensePose()}


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
    elif "Fusion" in names:
        check_schp(names["network"])
    else:
        check_densepose()
