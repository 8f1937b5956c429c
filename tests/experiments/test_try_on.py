"""The command: two photos in, a picture out; a mistake gives one line, exit code 2 and no file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from vtoncompress import checkpoint
from vtoncompress.image import read_image
from vtoncompress.model.pf_afn import PFAFN

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


def test_a_mistake(folder: Path) -> None:
    (folder / "person.jpg").write_text("no picture")
    done = _run(folder, "person=person.jpg", "garment=garment.png", "out=result.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: person.jpg is not a picture")
    assert done.stderr.count("\n") == 1
    assert {path.name for path in folder.iterdir()} == {"garment.png", "person.jpg"}
