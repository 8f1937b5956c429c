"""A checkpoint, shipped weights or published files open for try-on; a network without trained weights does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vtoncompress import checkpoint
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.opening import open_try_on

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small networks on a busy machine wait for each other's threads rather than compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _config(warp: Path | None, generator: Path | None) -> dict[str, Any]:
    return {
        "name": "pf_afn",
        "checkpoint": None,
        "network": {"_target_": "vtoncompress.model.pf_afn.PFAFN", "width": 1 / 16, "size": [64, 64]},
        "official": {
            "_target_": "vtoncompress.model.pf_afn.official.load_official",
            "warp": None if warp is None else str(warp),
            "generator": None if generator is None else str(generator),
        },
    }


@pytest.mark.usefixtures("one_thread")
def test_checkpoint_and_published_files_give_the_same_picture(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = PFAFN(1 / 16, (64, 64))
    checkpoint.save(model, tmp_path / "checkpoint")
    torch.save(model.warp.state_dict(), tmp_path / "warp.pth")
    torch.save(model.generator.state_dict(), tmp_path / "gen.pth")
    first = open_try_on(checkpoint=str(tmp_path / "checkpoint"))
    second = open_try_on(model=_config(tmp_path / "warp.pth", tmp_path / "gen.pth"))
    mask = np.full((64, 64), 255, np.uint8)
    result = first(PICTURE, PICTURE, mask)
    assert first.size == second.size == (64, 64)
    assert result.shape == (64, 64, 3)
    assert result.std() > 0
    assert np.array_equal(result, second(PICTURE, PICTURE, mask))


def test_a_network_without_trained_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model.official.warp=FILE model.official.generator=FILE"):
        open_try_on(model=_config(None, None))
    torch.save(PFAFN(1 / 16, (64, 64)).warp.state_dict(), tmp_path / "warp.pth")
    with pytest.raises(ValueError, match="no trained weights"):
        open_try_on(model=_config(tmp_path / "warp.pth", None))


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give one of them"):
        open_try_on(deployment="a", checkpoint="b")
    with pytest.raises(ValueError, match="no checkpoint"):
        open_try_on(checkpoint=str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="manifest"):
        open_try_on(deployment=str(tmp_path))
    with pytest.raises(ValueError, match="nothing to open"):
        open_try_on()
