"""The code of docs/deploying.md runs as it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, SIZE
from vtoncompress.demo.recipe import Recipe
from vtoncompress.image import read_image


def test_it_puts_a_garment_on_a_person(
    recipes: list[Recipe], photos: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "deploying.md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(recipes[0].folder, "deployed")
    for path in photos:
        shutil.copy(path, path.name)
    exec(compile(code, "docs/deploying.md", "exec"), {})
    result = read_image("result.png")
    assert result.shape == (*SIZE, 3)
    assert np.abs(result.astype(int) - read_image("person.png")).mean() > 1
