"""The PF-AFN test layout: pairs in the list's order, masks from files or computed, errors that name the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from vtoncompress.data.viton import Viton
from vtoncompress.masking.plain_background import PlainBackground

PHOTOS = Path(__file__).parents[3] / "shared" / "photos" / "viton_test"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("test_img", "test_clothes", "test_edge"):
        (tmp_path / folder).mkdir()
    for index in range(3):
        Pillow.new("RGB", (48, 64), (index * 50, 90, 90)).save(tmp_path / "test_img" / f"p{index}.png")
        garment = np.full((64, 48, 3), 255, np.uint8)
        garment[16:48, 12:36] = (200, 40 * index, 40)
        Pillow.fromarray(garment).save(tmp_path / "test_clothes" / f"g{index}.png")
        mask = (garment.min(2) < 255).astype(np.uint8) * 255
        Pillow.fromarray(mask).save(tmp_path / "test_edge" / f"g{index}.png")
    (tmp_path / "test_pairs.txt").write_bytes(b"p0.png g1.png\r\n\r\np1.png g2.png\r\np2.png g0.png\r\n\r\n")
    return tmp_path


def test_pairs_in_order_at_the_asked_size(root: Path) -> None:
    data = Viton(root, "test_pairs.txt", 32, 24)
    assert len(data) == 3
    assert data.pair_list() == ["p0.png g1.png", "p1.png g2.png", "p2.png g0.png"]
    assert data.protocol == "pf_afn_viton"
    pair = data[1]
    assert pair.name == "0001_p1_g2"
    assert data[-2].name == pair.name
    assert pair.person.shape == pair.garment.shape == (32, 24, 3)
    assert pair.person[5, 5].tolist() == [50, 90, 90]
    assert pair.garment_mask.shape == (32, 24)
    assert pair.truth is None
    assert pair.flow is None
    assert len({pair.name for pair in data}) == 3
    assert [pair.name for pair in data[:2]] == [data[0].name, data[1].name]


def test_a_missing_mask_is_computed(root: Path) -> None:
    given = Viton(root, "test_pairs.txt", 64, 48)[0].garment_mask
    (root / "test_edge" / "g1.png").unlink()
    computed = Viton(root, "test_pairs.txt", 64, 48)[0].garment_mask
    assert ((given > 127) == (computed > 127)).mean() > 0.98


def test_limit(root: Path) -> None:
    assert len(Viton(root, "test_pairs.txt", 64, 48, pairs=2)) == 2
    with pytest.raises(ValueError, match="3 pairs: ask for fewer"):
        Viton(root, "test_pairs.txt", 64, 48, pairs=4)
    with pytest.raises(ValueError, match="at least 1"):
        Viton(root, "test_pairs.txt", 64, 48, pairs=0)


def test_equal_lists_have_equal_hashes(root: Path) -> None:
    whole = Viton(root, "test_pairs.txt", 64, 48)
    assert whole.pair_list_hash() == Viton(root, root / "test_pairs.txt", 32, 24).pair_list_hash()
    assert whole.pair_list_hash() != Viton(root, "test_pairs.txt", 64, 48, pairs=2).pair_list_hash()


def test_errors_name_what_is_missing(root: Path) -> None:
    with pytest.raises(ValueError, match="data.root="):
        Viton(root / "nowhere", "test_pairs.txt", 64, 48)
    with pytest.raises(ValueError, match="no_list.txt"):
        Viton(root, "no_list.txt", 64, 48)
    (root / "test_img" / "p2.png").unlink()
    with pytest.raises(ValueError, match=r"1 pictures .*p2.png"):
        Viton(root, "test_pairs.txt", 64, 48)


@pytest.mark.parametrize(
    "text, message", [("a.png", "line 1"), ("p0.png g0.png\na b c", "line 2"), ("\n\n", "0 pairs")]
)
def test_a_list_of_something_else(root: Path, text: str, message: str) -> None:
    (root / "list.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        Viton(root, "list.txt", 64, 48)


def test_a_damaged_picture_is_named(root: Path) -> None:
    (root / "test_clothes" / "g1.png").write_text("text")
    with pytest.raises(ValueError, match="g1.png"):
        Viton(root, "test_pairs.txt", 64, 48)[0]


def test_a_mask_of_another_size_is_named(root: Path) -> None:
    Pillow.new("L", (20, 20)).save(root / "test_edge" / "g1.png")
    with pytest.raises(ValueError, match=r"test_edge.g1.png"):
        Viton(root, "test_pairs.txt", 64, 48)[0]


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the real photos are not part of the repository")
def test_real_pairs() -> None:
    data = Viton(PHOTOS, "test_pairs.txt", 128, 96)
    assert len(data) == 4
    for pair in data:
        assert pair.person.shape == (128, 96, 3)
        assert 0.1 < (pair.garment_mask > 127).mean() < 0.7


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the real photos are not part of the repository")
def test_real_people_get_a_mask_of_their_clothes() -> None:
    data = Viton(PHOTOS, "test_pairs.txt", 128, 96, masked=True, masking=PlainBackground())
    for pair in data:
        assert pair.agnostic_mask is not None
        painted = pair.agnostic_mask >= 128
        assert 0.15 < painted.mean() < 0.5
        assert not painted[:10].any(), "faces stay"
        assert painted[50:80, 40:56].mean() > 0.9, "the trunk does not"
