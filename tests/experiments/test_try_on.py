"""The command: two photos in, a picture out; a mistake gives one line, exit code 2 and no file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from vtoncompress import checkpoint
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.image import read_image
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.try_on import to_tensors

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    garment = np.full((128, 96, 3), 255, np.uint8)
    garment[20:100, 20:76] = (180, 30, 60)
    Pillow.fromarray(garment).save(tmp_path / "garment.png")
    Pillow.new("RGB", (96, 128), (120, 100, 90)).save(tmp_path / "person.jpg")
    return tmp_path


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "experiments" / "try_on.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_checkpoint_tries_on(folder: Path) -> None:
    checkpoint.save(PFAFN(1 / 16, (64, 64)), folder / "network")
    done = _run(folder, "checkpoint=network", "person=person.jpg", "garment=garment.png", "out=result.png", "threads=1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "result.png\n", "")
    assert read_image(folder / "result.png").shape == (64, 64, 3)
    assert {path.name for path in folder.iterdir()} == {"garment.png", "person.jpg", "network", "result.png"}


def test_full_size_published_files_try_on(folder: Path) -> None:
    """As their authors save them: a file a part, the names as a parallel module's, one weight that nothing uses."""
    torch.manual_seed(0)
    network = PFAFN(1.0, (256, 192)).eval()
    warp = {f"module.{name}": tensor for name, tensor in network.warp.state_dict().items()}
    torch.save(warp | {"module.aflow_net.weight": torch.zeros(4, 1, 3, 3)}, folder / "warp.pth")
    torch.save(network.generator.state_dict(), folder / "generator.pth")
    pair = Synthetic("test", 1, 256, 192)[0]
    for name in ("person", "garment"):
        Pillow.fromarray(getattr(pair, name)).save(folder / f"{name}.png")
    Pillow.fromarray(pair.garment_mask).save(folder / "mask.png")
    files = ("model=pf_afn", "model.official.warp=warp.pth", "model.official.generator=generator.pth")
    done = _run(folder, *files, "person=person.png", "garment=garment.png", "mask=mask.png", "out=result.png")
    assert (done.returncode, done.stderr) == (0, "")
    with torch.inference_mode():
        inputs = to_tensors(pair.person, pair.garment, pair.garment_mask)
        expected = network(**{name: torch.from_numpy(array) for name, array in inputs.items()})["image"]
    painted = expected[0].permute(1, 2, 0).add(1).mul(127.5).round().numpy()
    assert np.abs(read_image(folder / "result.png") - painted).max() <= 1


def test_published_files_and_a_checkpoint_exclude_each_other(folder: Path) -> None:
    done = _run(folder, "model.official.warp=warp.pth", "person=person.jpg", "garment=garment.png", "out=result.png")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "model.official.warp and model.checkpoint=pf_afn_small are both given" in done.stderr


def test_a_mistake(folder: Path) -> None:
    (folder / "person.jpg").write_text("no picture")
    done = _run(folder, "person=person.jpg", "garment=garment.png", "out=result.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: person.jpg is not a picture")
    assert done.stderr.count("\n") == 1
    assert {path.name for path in folder.iterdir()} == {"garment.png", "person.jpg"}
