"""VITON's training layout as users have it: names, sizes, formats; and each mistake in it told in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.conftest import Command
from tests.data.damage import DAMAGES, KINDS, make_unusual, torn
from vtoncompress.data.viton_training import PERSONS, SUFFIXES, VitonTraining

LABELS: dict[str, Any] = {"garment_labels": [4], "kept_labels": [1, 8, 12], "arm_labels": [11, 13]}
SIZE = (64, 48)


def _open(root: Path, **changed: Any) -> VitonTraining:
    return VitonTraining(root, *SIZE, **{**LABELS, "background_margin": None, **changed})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two people in VITON's own names; 64x48, with a garment in the middle, a face above, a hand at the left."""
    for folder in ("train_img", "train_color", "train_edge", "train_label", "train_pose", "train_densepose"):
        (tmp_path / folder).mkdir()
    labels = np.zeros((64, 48), np.uint8)
    labels[20:50, 14:34], labels[4:16, 18:30], labels[40:50, 6:14] = 4, 12, 11
    parts = np.zeros((64, 48), np.uint8)
    parts[18:52, 14:34], parts[4:16, 18:30], parts[45:50, 6:14] = 2, 23, 4
    for number, grey in (("000001", 60), ("000002", 120)):
        Pillow.new("RGB", (48, 64), (grey, 90, 90)).save(tmp_path / "train_img" / f"{number}_0.jpg", quality=95)
        Pillow.new("RGB", (48, 64), (200, grey, 40)).save(tmp_path / "train_color" / f"{number}_1.jpg", quality=95)
        mask = np.zeros((64, 48), np.uint8)
        mask[8:56, 8:40] = 255
        Pillow.fromarray(mask).save(tmp_path / "train_edge" / f"{number}_1.jpg", quality=95)
        Pillow.fromarray(labels).save(tmp_path / "train_label" / f"{number}_0.png")
        np.save(tmp_path / "train_densepose" / f"{number}_0.npy", parts)
        triples = [value for joint in range(18) for value in (joint, 2 * joint, 0.5)]
        _write_pose(tmp_path, number, {"people": [{"pose_keypoints": triples}]})
    return tmp_path


def _write_pose(root: Path, number: str, content: object) -> None:
    (root / "train_pose" / f"{number}_0_keypoints.json").write_text(json.dumps(content))


def test_files_of_one_person_belong_together(root: Path) -> None:
    data = _open(root)
    assert data.names() == ["000001_0", "000002_0"]
    example = data[1]
    assert np.abs(example.person[5, 5].astype(int) - [120, 90, 90]).max() <= 2
    assert np.abs(example.garment[5, 5].astype(int) - [200, 120, 40]).max() <= 2
    assert ((example.garment_mask > 127).sum(), (example.region > 127).sum()) == (48 * 32, 30 * 20)
    assert np.array_equal(example.joints[3], [3, 6, 0.5])
    assert np.array_equal(np.unique(example.parts), [0, 2, 4, 23])
    kept = np.zeros((64, 48), bool)
    kept[4:16, 18:30] = kept[45:50, 6:14] = True  # face and hand, but not the arm
    assert np.array_equal(example.kept > 0, kept)


def test_background_is_kept_away_from_the_body(root: Path) -> None:
    kept = _open(root, background_margin=0.125)[0].kept > 0  # 8 pixels
    assert kept[0, 0]
    assert kept[30, 43]  # the trunk ends with column 33
    assert not kept[30, 40]
    assert not kept[30, 20]


def test_another_size_and_aspect_move_everything_alike(root: Path) -> None:
    """A person twice as large with margins at both sides, which are cropped."""
    for folder, name in (("train_img", "000001_0.jpg"), ("train_label", "000001_0.png")):
        small = Pillow.open(root / folder / name)
        large = Pillow.new(small.mode, (128, 128))
        large.paste(small.resize((96, 128), Pillow.Resampling.NEAREST), (16, 0))
        large.save(root / folder / name)
    parts = np.load(root / "train_densepose" / "000001_0.npy").repeat(2, 0).repeat(2, 1)
    np.save(root / "train_densepose" / "000001_0.npy", np.pad(parts, [(0, 0), (16, 16)]))
    triples = [value for joint in range(18) for value in (2 * joint + 16.5, 4 * joint + 0.5, 0.5)]
    _write_pose(root, "000001", {"people": [{"pose_keypoints_2d": triples}]})
    moved, still = _open(root)[0], _open(root)[1]
    for name in ("kept", "parts"):
        assert np.array_equal(getattr(moved, name), getattr(still, name)), name
    assert np.array_equal(moved.region > 127, still.region > 127)  # grey edges depend on the size
    np.testing.assert_allclose(moved.joints, still.joints, atol=1e-5)


def test_palettes_and_part_pictures_are_read_as_indices(root: Path) -> None:
    path = root / "train_label" / "000001_0.png"
    picture = Pillow.fromarray(np.asarray(Pillow.open(path)))
    picture.putpalette([value % 256 for index in range(256) for value in (37 * index, 91 * index, 5 * index)])
    picture.save(path)
    (root / "train_densepose" / "000001_0.npy").rename(root / "train_densepose" / "spare")
    Pillow.fromarray(np.load(root / "train_densepose" / "spare")).save(root / "train_densepose" / "000001_0.png")
    first, second = _open(root)[:2]
    for name in ("region", "kept", "parts"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_a_person_that_openpose_did_not_find_has_no_joints(root: Path) -> None:
    _write_pose(root, "000001", {"people": []})
    assert not _open(root)[0].joints.any()


@pytest.mark.parametrize(
    "content",
    [
        "", "no json", "[]", "{}", '{"people": [{}]}', '{"people": [{"pose_keypoints": "many"}]}',
        '{"people": [{"pose_keypoints": [1, 2, 3]}]}', json.dumps({"people": [{"pose_keypoints": [0.0] * 75}]}),
        '{"people": [{"pose_keypoints": [' + ", ".join(["NaN"] * 54) + "]}]}", '{"people": 3}',
    ],
)  # fmt: skip
def test_a_bad_pose_is_named_with_what_to_do(root: Path, content: str) -> None:
    (root / "train_pose" / "000002_0_keypoints.json").write_text(content)
    with pytest.raises(ValueError, match=r"000002_0_keypoints\.json .*: run OpenPose on its picture again") as caught:
        _open(root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "folder", ["train_img", "train_color", "train_edge", "train_label", "train_pose", "train_densepose"]
)
def test_a_missing_folder_is_named(root: Path, folder: str) -> None:
    shutil.rmtree(root / folder)
    with pytest.raises(ValueError, match=rf"there is no folder .*{folder}: needed are train_img,"):
        _open(root)


@pytest.mark.parametrize("folder", ["train_color", "train_edge", "train_label", "train_pose", "train_densepose"])
def test_a_missing_file_is_named_by_its_person(root: Path, folder: str) -> None:
    next((root / folder).glob("000002*")).unlink()
    with pytest.raises(ValueError, match=rf"{folder} has nothing .* for 1 of 2 pictures, the first is 000002_0: add"):
        _open(root)


def test_a_folder_without_pictures_is_named(root: Path) -> None:
    for file in (root / "train_img").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"train_img has no picture"):
        _open(root)


def _save_objects(path: Path) -> None:
    np.save(path, np.array([{"parts": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    "write, message",
    [
        (lambda path: path.write_bytes(b"torn"), "is no array, a damaged one, or one of Python objects"),
        (_save_objects, "is no array, a damaged one, or one of Python objects"),
        (lambda path: np.save(path, np.full((64, 48), 25)), r"is no map of DensePose's parts: save the I of IUV"),
        (lambda path: np.save(path, np.full((64, 48), 0.5)), r"\(float64, 64x48\) is no map"),
        (lambda path: np.save(path, np.zeros((3, 64, 48))), r"\(float64, 3x64x48\) is no map"),
        (lambda path: np.save(path, np.zeros((61, 48), int)), "is 48x61 pixels and its picture 48x64 pixels: make it"),
    ],
)
def test_wrong_body_parts_are_named(root: Path, write: Callable[[Path], object], message: str) -> None:
    write(root / "train_densepose" / "000001_0.npy")
    with pytest.raises(ValueError, match=rf"train_densepose.000001_0\.npy .*{message}|{message}"):
        _open(root)[0]


def test_a_parsing_in_colours_is_refused(root: Path) -> None:
    Pillow.new("RGB", (48, 64), (255, 0, 0)).save(root / "train_label" / "000001_0.png")
    with pytest.raises(ValueError, match=r"000001_0\.png is a picture in colours: a label map has one index a pixel"):
        _open(root)


def test_labels_of_another_parsing_are_noticed(root: Path) -> None:
    with pytest.raises(ValueError, match=r"have no garment \(labels \[5\]\): name its labels with data.garment_labels"):
        _open(root, garment_labels=[5])
    for wrong in ({"garment_labels": []}, {"garment_labels": [4, 8]}, {"arm_labels": [4]}):
        with pytest.raises(ValueError, match="name one label or more, none of which is in data.kept_labels"):
            _open(root, **wrong)
    with pytest.raises(ValueError, match=r"data.background_margin=-1: use 0 or more, or null"):
        _open(root, background_margin=-1)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", ["train_img/000001_0.jpg", "train_color/000001_1.jpg", "train_label/000001_0.png"])
def test_a_damaged_picture_is_named(root: Path, damage: Callable[[Path], None], file: str) -> None:
    damage(root / file)
    with pytest.raises(ValueError, match=rf"{file} .*{DAMAGES[damage]}") as caught:
        _open(root)[0]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_unusual_pictures_come_out_right(root: Path, kind: str) -> None:
    before = _open(root)[0].person.astype(float)
    make_unusual(root / "train_img" / "000001_0.jpg", kind)
    assert np.abs(_open(root)[0].person - KINDS[kind][2](before)).mean() < 3


def test_a_mask_of_another_size_is_named(root: Path) -> None:
    Pillow.new("L", (20, 20)).save(root / "train_edge" / "000001_1.jpg")
    with pytest.raises(ValueError, match=r"train_edge.000001_1\.jpg is 20x20 pixels and its garment 48x64"):
        _open(root)[0]


def _another_size(path: Path) -> None:
    Pillow.new("L", (20, 20)).save(path)


@pytest.mark.parametrize(
    "file, damage, reason",
    [
        *(("train_img/000001_0.jpg", damage, reason) for damage, reason in DAMAGES.items()),
        ("train_color/000001_1.jpg", torn, "damaged or cut short"),
        ("train_edge/000001_1.jpg", _another_size, "its garment 48x64 pixels"),
        ("train_label/000001_0.png", _another_size, "its picture 48x64 pixels"),
        ("train_pose/000001_0_keypoints.json", torn, "run OpenPose on its picture again"),
        ("train_densepose/000001_0.npy", torn, "is no array, a damaged one"),
        *((f"{folder}/000001_*", Path.unlink, f"{folder} has nothing") for folder in SUFFIXES if folder != PERSONS),
    ],
)
def test_who_lacks_a_sound_file_is_left_out_and_named(
    file: str, damage: Callable[[Path], None], reason: str, root: Path
) -> None:
    assert "left_out" not in _open(root, damaged="skip").description()
    damage(next(root.glob(file)))
    data = _open(root, damaged="skip")
    assert data.names() == [data[0].name] == ["000002_0"]
    assert np.array_equal(data[0].joints[3], [3, 6, 0.5])
    assert [line.startswith("000001_0: ") and reason in line for line in data.left_out] == [True]
    assert (data.description()["examples"], data.description()["left_out"]) == (1, ["000001_0"])


def test_nobody_who_is_left_and_an_unknown_choice_are_mistakes(root: Path) -> None:
    for path in (root / "train_img").iterdir():
        torn(path)
    with pytest.raises(ValueError, match=r"none of 2 people can be read; the first: 000001_0: .* cut short"):
        _open(root, damaged="skip")
    with pytest.raises(ValueError, match="data.damaged=drop: choose one of refuse, skip"):
        _open(root, damaged="drop")


def test_the_command_looks_at_the_layout(command: Command, root: Path) -> None:
    looked = ("check_dataset", "examples@data=viton_training", f"data.root={root}")
    done = command(*looked)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("2 sound training examples, list ")
    torn(root / "train_color/000001_1.jpg")
    done = command(*looked)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "1 of 2 pairs can't be used" in done.err
    assert "000001_1.jpg is damaged or cut short" in done.out
    done = command("check_dataset")
    assert (done.code, "name a set of photos: data=viton" in done.err) == (2, True)
