"""Two deployed toys of one model, the second with other weights, two that paint in steps, and photos to send."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import SIZE
from tests.model.cat_vton.conftest import TINY
from vtoncompress.data.base import Pair
from vtoncompress.demo.recipe import Recipe, open_recipe
from vtoncompress.demo.upload import Limits
from vtoncompress.deployment import write_manifest
from vtoncompress.export.base import Exporter
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.export.torch import TorchExporter
from vtoncompress.image import write_image
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.sampling.ddim import DDIM

LIMITS = Limits(upload_mb=1, megapixels=2, queue=40, concurrency=1, seconds=60)


@pytest.fixture(scope="session")
def recipes(toys: dict[str, PFAFN], tmp_path_factory: pytest.TempPathFactory) -> list[Recipe]:
    return deploy(toys, tmp_path_factory.mktemp("deployed"))


def deploy(toys: dict[str, PFAFN], folder: Path) -> list[Recipe]:
    found = []
    for name, convention in (("dense", "official"), ("other", "seed")):
        exporter = TorchExporter()
        exporter.export(toys[convention], folder / name)
        write_manifest(folder / name, exporter, model="toy", size=SIZE, measured={"ssim_garment": 0.5})
        found.append(open_recipe(name, folder / name, dense=name == "dense"))
    return found


def painter(number: int) -> CatVTON:
    """A tiny network of random weights that paints in steps; another number is another one, of fewer steps."""
    torch.manual_seed(number)
    model = CatVTON((32, 24), **TINY).eval()
    model.set_sampling(DDIM(steps=3 - number, seed=7))
    return model


@pytest.fixture(scope="session")
def painters(tmp_path_factory: pytest.TempPathFactory) -> list[Recipe]:
    """Dense on OpenVINO, and another in PyTorch."""
    return deploy_painters(tmp_path_factory.mktemp("painters"))


def deploy_painters(folder: Path) -> list[Recipe]:
    found = []
    exporters: tuple[Exporter, ...] = (OpenVINOExporter(), TorchExporter())
    for number, (name, exporter) in enumerate(zip(("painter", "other painter"), exporters, strict=True)):
        model = painter(number)
        exporter.export(model, folder / name)
        write_manifest(folder / name, exporter, model="painter", size=model.size, inputs=tuple(model.inputs))
        found.append(open_recipe(name, folder / name, dense=number == 0))
    return found


@pytest.fixture(scope="session")
def photos(pairs: Sequence[Pair], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Files of a person and a garment."""
    folder = tmp_path_factory.mktemp("photos")
    paths = (folder / "person.png", folder / "garment.png")
    for path, picture in zip(paths, (pairs[0].person, pairs[0].garment), strict=True):
        write_image(path, picture)
    return paths


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def layer(shape: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    """What a visitor painted: opaque within, clear elsewhere."""
    painted = np.zeros((*shape, 4), np.uint8)
    painted[rows, columns] = (255, 0, 128, 255)
    return painted
