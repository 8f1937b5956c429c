"""Two deployed toys of one model, the second with other weights, and photos to send."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import SIZE
from vtoncompress.data.base import Pair
from vtoncompress.demo.recipe import Recipe, open_recipe
from vtoncompress.demo.upload import Limits
from vtoncompress.deployment import write_manifest
from vtoncompress.export.torch import TorchExporter
from vtoncompress.image import write_image
from vtoncompress.model.pf_afn import PFAFN

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
