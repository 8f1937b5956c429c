"""Each layout on disk, whole and damaged: right pairs, or one line that names the file; nothing silently dropped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from PIL import Image as Pillow

from tests.conftest import ROOT, Command
from tests.data.damage import DAMAGES, KINDS, make_unusual, torn
from vtoncompress.data.dataset_layout import LAYOUTS, write_dataset
from vtoncompress.data.listed import ListedPairs
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.errors import explain

SIZE = (128, 96)
FIRST = {
    "viton": ("test_img/000000_0.jpg", "test_clothes/000000_1.jpg", "test_pairs.txt"),
    "viton_clean": (
        "VITON_test/test_img/000000_0.jpg", "VITON_test/test_color/000000_1.jpg", "VITON_test/test_pairs.txt"
    ),
    "viton_hd": ("test/image/00000_00.jpg", "test/cloth/00006_00.jpg", "test_pairs.txt"),
    "dress_code": (
        "upper_body/images/000000_0.jpg", "upper_body/images/000006_1.jpg", "upper_body/test_pairs_unpaired.txt"
    ),
}  # fmt: skip
"""Person, garment and list of the first pair."""
MASKS = {
    "viton": "test_edge/000000_1.jpg", "viton_clean": "VITON_test/test_edge/000000_1.jpg",
    "viton_hd": "test/cloth-mask/00006_00.jpg",
}  # fmt: skip
"""Of the first pair's garment; DressCode has none."""
PROTOCOLS = {"viton": "pf_afn_viton", "viton_clean": "dm_vton_clean", "viton_hd": "cat_vton_vitonhd",
             "dress_code": "cat_vton_dresscode"}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pairs in each layout."""
    root = tmp_path_factory.mktemp("layouts")
    for layout in LAYOUTS:
        write_dataset(Synthetic("test", 6, *SIZE), layout, root / layout)
    return root


@pytest.fixture
def tree(written: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A layout's files to be damaged."""
    return lambda layout: Path(shutil.copytree(written / layout, tmp_path / layout))


def open_data(layout: str, root: Path, *options: str) -> ListedPairs:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        told = [f"+data={layout}", f"data.root='{root}'", f"data.height={SIZE[0]}", f"data.width={SIZE[1]}", *options]
        config = compose(overrides=told).data
    try:
        data: ListedPairs = instantiate(config)
    except InstantiationException as error:
        raise ValueError(explain(error)) from error
    return data


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_whole_set_is_what_it_was_written_from(layout: str, written: Path) -> None:
    data = open_data(layout, written / layout)
    source = Synthetic("test", 6, *SIZE)[:]
    if layout == "dress_code":  # written by turns, read category by category
        source = [source[index] for index in (0, 3, 1, 4, 2, 5)]
    assert (data.protocol, data.pairing, len(data), data.left_out) == (PROTOCOLS[layout], "unpaired", len(source), [])
    assert data.computed_masks() == (6 if layout == "dress_code" else 0)
    for read, drawn in zip(data, source, strict=True):
        assert read.truth is None
        for name in ("person", "garment", "garment_mask"):
            difference = np.abs(getattr(read, name).astype(int) - getattr(drawn, name)).mean()
            assert difference < (12 if name == "garment_mask" and layout == "dress_code" else 2.5), name
    assert {path.is_file() for path in data.files()} == {True}


@pytest.mark.parametrize("layout", ["viton_hd", "dress_code"])
def test_paired_people_wear_what_they_try_on(layout: str, written: Path) -> None:
    paired, unpaired = (open_data(layout, written / layout, f"data.pairing={name}") for name in ("paired", "unpaired"))
    assert paired.pair_list_hash() != unpaired.pair_list_hash()
    assert np.array_equal(paired[0].truth, paired[0].person)
    assert np.array_equal(paired[0].person, unpaired[0].person)
    assert not np.array_equal(paired[0].garment, unpaired[0].garment)


def test_all_three_categories(written: Path) -> None:
    assert len(open_data("dress_code", written / "dress_code", "data.category=dresses")) == 2
    data = open_data("dress_code", written / "dress_code")
    assert len(data) == 6
    assert data.pair_list()[2].startswith("lower_body/000001_0.jpg lower_body/")
    with pytest.raises(ValueError, match=r"data.category=shoes: choose one of upper_body, lower_body, dresses, all"):
        open_data("dress_code", written / "dress_code", "data.category=shoes")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("which", [0, 1], ids=["person", "garment"])
def test_missing_files_and_folders_are_named(layout: str, which: int, tree: Callable[[str], Path]) -> None:
    root, file = tree(layout), FIRST[layout][which]
    (root / file).unlink()
    with pytest.raises(ValueError, match=rf"1 pictures of 1 of 6 pairs are missing, the first is .*{file}"):
        open_data(layout, root)
    data = open_data(layout, root, "data.damaged=skip")
    assert len(data) == 5
    assert [line.endswith(f"{file} is missing") for line in data.left_out] == [True]
    shutil.rmtree((root / file).parent)
    with pytest.raises(
        ValueError, match=rf"there is no folder .*{Path(file).parent.name} in .*give data.root=FOLDER of"
    ):
        open_data(layout, root)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_lists_that_are_missing_empty_or_of_another_system(layout: str, tree: Callable[[str], Path]) -> None:
    root, pair_list = tree(layout), FIRST[layout][2]
    before = open_data(layout, root).pair_list()
    (root / pair_list).write_bytes((root / pair_list).read_bytes().replace(b"\n", b"\r\n"))
    assert open_data(layout, root).pair_list() == before
    (root / pair_list).write_text("\r\n \n")
    with pytest.raises(ValueError, match=rf"{pair_list} has 0 pairs"):
        open_data(layout, root)
    (root / pair_list).unlink()
    with pytest.raises(ValueError, match=r"the pair list .* can't be read: give data.pair_list="):
        open_data(layout, root)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", ["person", "garment"])
def test_a_damaged_pair_is_named_and_counted(
    layout: str, damage: Callable[[Path], None], which: str, tree: Callable[[str], Path]
) -> None:
    root, reason = tree(layout), DAMAGES[damage]
    file = FIRST[layout][0 if which == "person" else 1]
    damage(root / file)
    with pytest.raises(ValueError, match=rf"{file} .*{reason}") as caught:
        open_data(layout, root)[0]
    assert "\n" not in str(caught.value)
    data = open_data(layout, root, "data.damaged=skip")
    assert [Path(file).name in line and reason in line for line in data.left_out] == [True]
    assert data[0].name.startswith("0000_")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_unusual_pictures_come_out_right(layout: str, tree: Callable[[str], Path]) -> None:
    root = tree(layout)
    before = open_data(layout, root)
    persons = [before.person(index).astype(float) for index in range(len(before))]
    for line, kind in zip(before.pair_list(), KINDS, strict=False):
        category, _, name = line.split()[0].rpartition("/")
        folder = f"{category}/images" if category else str(Path(FIRST[layout][0]).parent)
        make_unusual(root / folder / name, kind)
    after = open_data(layout, root, "data.damaged=skip")
    assert (len(after), after.left_out) == (6, [])
    for index, (kind, (_, _, expected)) in enumerate(KINDS.items()):
        assert np.abs(after[index].person - expected(persons[index])).mean() < 3, kind
        assert np.array_equal(after[index].person, after.person(index))


def test_the_commands(command: Command, tmp_path: Path) -> None:
    out, size = tmp_path / "hd", (f"height={SIZE[0]}", f"width={SIZE[1]}")
    done = command("write_dataset", "layout=viton_hd", f"out={out}", "pairs=3", *size)
    assert (done.code, done.out) == (0, f"3 pairs: {out}\n")
    done = command("check_dataset", "data=viton_hd", f"data.root={out}")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("3 sound pairs, protocol cat_vton_vitonhd, unpaired, list ")
    torn(out / "test/image/00001_00.jpg")
    (out / "test/cloth-mask/00003_00.jpg").unlink()
    done = command("check_dataset", "data=viton_hd", f"data.root={out}")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "1 of 3 pairs can't be used" in done.err
    assert "1 garments have no mask on disk" in done.out
    assert "00001_00.jpg is damaged or cut short" in done.out
    for wrong, message in (("layout=vitro", "choose one of viton, viton_clean"), ("pairs=0", "pairs is 0")):
        done = command("write_dataset", "layout=viton", f"out={tmp_path / 'new'}", "pairs=1", *size, wrong)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert message in done.err


@pytest.mark.parametrize("layout", MASKS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_mask_that_can_t_be_read_damages_its_pair(
    layout: str, damage: Callable[[Path], None], tree: Callable[[str], Path]
) -> None:
    root, mask = tree(layout), MASKS[layout]
    damage(root / mask)
    with pytest.raises(ValueError, match=rf"{mask} .*{DAMAGES[damage]}"):
        open_data(layout, root)[0]
    data = open_data(layout, root, "data.damaged=skip")
    assert len(data) == 5
    assert [f"{mask} " in line and DAMAGES[damage] in line for line in data.left_out] == [True]


AGNOSTIC = {
    "viton": "agnostic-mask/000000_0.png", "viton_clean": "VITON_test/agnostic-mask/000000_0.jpg",
    "viton_hd": "test/agnostic-mask/00000_00_mask.png", "dress_code": "upper_body/agnostic_masks/000000_0.png",
}  # fmt: skip
"""Of the first pair's person, where those who publish masks of persons put them."""
NO_MASKER = {layout: ["masking@data.masking=none"] for layout in AGNOSTIC} | {
    "dress_code": [f"masking@data.masking.{one}=none" for one in ("upper_body", "lower_body", "dresses")]
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_person_s_mask_is_read_or_made(layout: str, tree: Callable[[str], Path]) -> None:
    root = tree(layout)
    assert open_data(layout, root)[0].agnostic_mask is None, "a network that looks at none is not stopped by one"
    made = open_data(layout, root, "data.masked=true")
    assert made.masked
    assert "6 persons have no mask on disk" in made.summary()
    drawn = Synthetic("test", 1, *SIZE)[0].agnostic_mask
    found = made[0].agnostic_mask
    assert drawn is not None
    assert found is not None
    assert ((found >= 128) & (drawn >= 128)).sum() > 0.6 * ((found >= 128) | (drawn >= 128)).sum()
    with pytest.raises(ValueError, match="6 of 6 persons have no mask on disk, the first is .*: add them"):
        open_data(layout, root, "data.masked=true", *NO_MASKER[layout])
    mask = np.zeros(SIZE, np.uint8)
    mask[40:80, 30:60] = 255
    (file := root / AGNOSTIC[layout]).parent.mkdir(parents=True)
    Pillow.fromarray(mask).save(file, quality=100)
    given = open_data(layout, root, "data.masked=true")
    assert np.array_equal(given[0].agnostic_mask >= 128, mask >= 128)  # type: ignore[operator]
    assert file in given.files()
    assert file not in open_data(layout, root).files()
    Pillow.fromarray(mask[:64]).save(file)
    with pytest.raises(ValueError, match=f"{file.name} and .* differ in size: remove or replace the mask"):
        open_data(layout, root, "data.masked=true")[0]


def test_each_category_of_dress_code_is_painted_where_its_garments_are(written: Path) -> None:
    data = open_data("dress_code", written / "dress_code", "data.masked=true")
    upper, lower, overall = (data[index].agnostic_mask >= 128 for index in (0, 2, 4))  # type: ignore[operator]
    assert not upper[-1].any()
    assert np.flatnonzero(lower.any(1))[0] > np.flatnonzero(upper.any(1))[0]
    assert overall.sum() > upper.sum()


def test_a_person_whose_mask_can_t_be_made_is_named(tree: Callable[[str], Path]) -> None:
    root = tree("viton")
    noise = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), np.uint8)
    Pillow.fromarray(noise).save(file := root / FIRST["viton"][0])
    open_data("viton", root)[0]
    with pytest.raises(ValueError, match=f"no mask for .*{file.name}: .*plain background; choose another") as caught:
        open_data("viton", root, "data.masked=true")[0]
    assert "person_mask" not in str(caught.value), "an option of another command"
