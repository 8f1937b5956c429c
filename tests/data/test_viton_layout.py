"""Generated data written in VITON's layouts is what it was written from, and nothing of anybody's is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from vtoncompress.data.densepose import HANDS
from vtoncompress.data.openpose import JOINTS
from vtoncompress.data.synthetic import KEYPOINTS, BodyPart, Label, Synthetic, draw_garment, draw_person
from vtoncompress.data.viton import Viton
from vtoncompress.data.viton_layout import DENSEPOSE_PARTS, VITON_LABELS, write_layout
from vtoncompress.data.viton_training import VitonTraining

SIZE = (128, 96)
LABELS = {"garment_labels": [4], "kept_labels": [1, 5, 6, 8, 9, 10, 12], "arm_labels": [11, 13]}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("layout") / "deep" / "train"
    write_layout(Synthetic("train", 3, *SIZE), out)
    return out


def test_a_training_example_is_what_it_was_written_from(root: Path) -> None:
    source = Synthetic("train", 3, *SIZE)
    data = VitonTraining(root, *SIZE, **LABELS, background_margin=None)
    assert data.names() == source.pair_list()
    for index, example in enumerate(data):
        person, worn, _ = source.parameters(index)
        dressed = draw_person(person, worn, *SIZE)
        garment, mask = draw_garment(worn, *SIZE)
        for read, drawn in ((example.person, dressed.image), (example.garment, garment), (example.garment_mask, mask)):
            assert np.abs(read.astype(int) - drawn).mean() < 1.5  # of 255: JPEG
        assert np.array_equal(example.region, np.where(dressed.labels == Label.GARMENT, 255, 0))
        hands = np.isin(dressed.body_parts, (BodyPart.LEFT_HAND, BodyPart.RIGHT_HAND))
        hands &= np.isin(dressed.labels, (Label.LEFT_ARM, Label.RIGHT_ARM))
        kept = np.isin(dressed.labels, (Label.HAIR, Label.FACE, Label.BOTTOM, Label.LEGS)) | hands
        assert np.array_equal(example.kept, np.where(kept, 255, 0))
        for part, number in DENSEPOSE_PARTS.items():
            assert np.array_equal(example.parts == number, dressed.body_parts == part)
        for name, place in zip(KEYPOINTS, dressed.keypoints, strict=True):
            joint = example.joints[JOINTS.index(name)]
            if joint[2]:
                np.testing.assert_allclose(joint, [*place, 1], atol=0.006)
            else:
                assert not joint.any()
                assert not (0 <= place[0] < SIZE[1] - 1 and 0 <= place[1] < SIZE[0] - 1)
        for name in {*JOINTS} - {*KEYPOINTS}:
            assert not example.joints[JOINTS.index(name)].any()


def test_every_class_and_part_has_a_number_of_its_own() -> None:
    assert {*VITON_LABELS} == {*Label}
    assert {*DENSEPOSE_PARTS} == {*BodyPart}
    assert len({*VITON_LABELS.values()}) == len(Label)
    assert len({*DENSEPOSE_PARTS.values()}) == len(BodyPart)
    assert {DENSEPOSE_PARTS[BodyPart.RIGHT_HAND], DENSEPOSE_PARTS[BodyPart.LEFT_HAND]} == {*HANDS}


def test_the_same_data_gives_the_same_files(root: Path, tmp_path: Path) -> None:
    write_layout(Synthetic("train", 3, *SIZE), tmp_path / "again")
    files = [file for file in sorted(root.rglob("*")) if file.is_file()]
    assert len(files) == 6 * 3 + 1
    for file in files:
        assert file.read_bytes() == (tmp_path / "again" / file.relative_to(root)).read_bytes(), file
    before = (root / "generated.json").stat().st_mtime_ns
    write_layout(Synthetic("train", 3, *SIZE), root)  # it is there already
    assert (root / "generated.json").stat().st_mtime_ns == before


def test_a_test_set_is_the_one_that_viton_reads(tmp_path: Path) -> None:
    source = Synthetic("test", 2, *SIZE)
    write_layout(source, tmp_path / "test")
    data = Viton(tmp_path / "test", "test_pairs.txt", *SIZE)
    assert len(data) == 2
    for read, drawn in zip(data, source, strict=True):
        for name in ("person", "garment", "garment_mask"):
            assert np.abs(getattr(read, name).astype(int) - getattr(drawn, name)).mean() < 1.5, name


def test_a_folder_of_something_else_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(ValueError, match=r"holds something else: remove it, or name another folder"):
        write_layout(Synthetic("train", 3, *SIZE), tmp_path)
    with pytest.raises(ValueError, match=r"holds other generated data \(.*'pairs': 3.*\): remove it"):
        write_layout(Synthetic("train", 2, *SIZE), root)
    assert [file.name for file in tmp_path.iterdir()] == ["photo.jpg"]


def test_an_interrupted_writing_leaves_nothing(tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_layout(Synthetic("train", 2, *SIZE), tmp_path / "out", stop)
    assert not [*tmp_path.iterdir()]


def test_the_command(command: Command, tmp_path: Path) -> None:
    size = (f"height={SIZE[0]}", f"width={SIZE[1]}")
    done = command("write_viton", f"out={tmp_path / 'out'}", "pairs=1", *size)
    assert (done.code, done.out) == (0, f"1 pairs: {tmp_path / 'out'}\n")
    assert json.loads((tmp_path / "out" / "generated.json").read_text())["split"] == "train"
    for wrong, message in (
        ((f"out={tmp_path}", "pairs=1"), "holds something else"),
        ((f"out={tmp_path / 'new'}", "pairs=0"), "pairs is 0"),
        ((f"out={tmp_path / 'new'}", "pairs=many"), "pairs=many: a whole number is needed"),
        ((f"out={tmp_path / 'new'}", "pairs=1", "split=all"), "unknown split 'all'"),
    ):
        done = command("write_viton", *wrong, *size)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert message in done.err
