"""Folders of pictures under protocols: a run's numbers, refusals that name what differs, what is recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Command
from vtoncompress.data.base import Pair
from vtoncompress.image import read_image, resize, write_image
from vtoncompress.metric.base import Batch, Prediction
from vtoncompress.metric.features import Shipped
from vtoncompress.metric.fid import Fid
from vtoncompress.metric.kid import Kid
from vtoncompress.metric.ssim import Ssim
from vtoncompress.record import Record, write


@pytest.fixture
def folders(pairs: list[Pair], tmp_path: Path) -> dict[str, Path]:
    """The four people, and what they look like in their garments."""
    pictures = {"prediction": [pair.person for pair in pairs], "reference": [pair.truth for pair in pairs]}
    for option, shown in pictures.items():
        (tmp_path / option).mkdir()
        for index, picture in enumerate(shown):
            assert picture is not None
            write_image(tmp_path / option / f"{index}.png", picture)
    return {option: tmp_path / option for option in pictures}


def arguments(folders: dict[str, Path], *options: str) -> list[str]:
    root = folders["prediction"].parent
    told = [f"{option}={folder}" for option, folder in folders.items()]
    return [*told, f"results={root / 'results'}", f"store={root / 'store'}", *options]


def read(folders: dict[str, Path], name: str = "prediction") -> dict[str, Any]:
    path = folders["prediction"].parent / "results" / "evaluate" / "records" / f"{name}.json"
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def test_the_same_pictures_give_the_same_numbers_as_in_a_run(
    command: Command, folders: dict[str, Path], pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = command("evaluate", *arguments(folders, "protocol=generated", "features=shipped"))
    assert done.code == 0, done.err
    assert "SSIM: 0." in done.out
    assert "resamples within" in done.out
    found, metrics = read(folders), (Fid("shipped"), Kid("shipped"), Ssim())
    swapped = [Pair(p.name, p.truth, p.garment, p.garment_mask, p.truth) for p in pairs if p.truth is not None]
    for metric in metrics:
        metric.update(Batch(swapped, [Prediction(pair.person) for pair in pairs]))
        for column, value in metric.compute().values.items():
            assert found["values"][column] == pytest.approx(value, rel=1e-9), column
    assert found["trust"]["pairing"] == "paired"
    assert found["trust"]["encoding"] == "PNG against PNG"
    assert found["trust"]["metrics"]["fid"]["fid_reference"].startswith("4 pictures (")
    assert found["missing"]["lpips"].startswith("alexnet-owt-7be5be79.pth not given: set protocol.metric.lpips.weights")

    # What is left to be done is the predictions' own: as many pictures as there are predictions.
    original, looked = Shipped.__call__, []

    def counted(self: Shipped, pictures: Any) -> np.ndarray:
        looked.append(len(pictures))
        return original(self, pictures)

    monkeypatch.setattr(Shipped, "__call__", counted)
    again = command("evaluate", *arguments(folders, "protocol=generated", "features=shipped", "variant=again"))
    assert again.code == 0
    assert sum(looked) == 4
    assert read(folders, "again")["values"] == found["values"]
    table = (folders["prediction"].parent / "results" / "evaluate" / "table.md").read_text()
    assert table.count("### Protocol generated") == 1  # both rows in one table


def test_the_size_of_the_predictions_is_part_of_the_protocol(command: Command, folders: dict[str, Path]) -> None:
    options = ("protocol=generated", "protocol.pairing=unpaired", "features=shipped")
    assert command("evaluate", *arguments(folders, *options, "variant=own")).code == 0
    for path in folders["prediction"].iterdir():
        write_image(path, resize(read_image(path), (64, 48)))
    assert command("evaluate", *arguments(folders, *options, "variant=smaller")).code == 0
    assert [read(folders, name)["trust"]["picture_size"] for name in ("own", "smaller")] == [[128, 96], [64, 48]]
    table = (folders["prediction"].parent / "results" / "evaluate" / "table.md").read_text()
    assert table.count("### Protocol generated") == 2  # one each


def test_catvtons_protocol(command: Command, folders: dict[str, Path]) -> None:
    options = ("protocol=cat_vton_vitonhd", "protocol.pairs=4", "features=shipped")
    assert command("evaluate", *arguments(folders, *options, "protocol.size=[64,48]")).code == 0
    unpaired = ("protocol.pairing=unpaired", "variant=unpaired", "protocol.size=[64,48]")
    assert command("evaluate", *arguments(folders, *options, *unpaired)).code == 0
    paired, other = read(folders), read(folders, "unpaired")
    assert paired["trust"]["picture_size"] == [64, 48]
    assert paired["trust"]["repaint"] == "yes"
    assert paired["trust"]["picture_resizing"] == "Pillow Lanczos with antialiasing"
    assert "ssim" in paired["values"]
    assert "ssim" in other["missing"]
    assert other["values"]["kid_shipped"] == paired["values"]["kid_shipped"]
    table = (folders["prediction"].parent / "results" / "evaluate" / "table.md").read_text()
    assert "KID (shipped features) × 1000" in table
    assert table.count("### Protocol cat_vton_vitonhd") == 2  # one each


@pytest.mark.parametrize(
    "options, message",
    [
        (
            ("protocol=pf_afn_viton",),
            "has 4 pictures and protocol pf_afn_viton 2032: complete it, or say protocol.pairs=4",
        ),
        (("protocol=pf_afn_viton", "protocol.pairs=4"), "0.png is 96x128 pixels and the protocol 192x256"),
        (("protocol=generated", "prediction=nowhere"), "prediction=nowhere is no folder"),
        (
            ("protocol=generated", "protocol.resizing=nearest"),
            "protocol.resizing=nearest: choose one of refuse, bicubic, lanczos",
        ),
        (("protocol=generated", "features=vgg"), "features=vgg: choose one of auto, inception, shipped"),
        (("protocol=generated", "features=stand_in"), "features=stand_in needs the weights"),
        (("protocol=lpips",), "unknown protocol=lpips: choose one of"),
        ((), "protocol"),
    ],
)
def test_mistakes_give_one_line(
    options: tuple[str, ...], message: str, command: Command, folders: dict[str, Path]
) -> None:
    told = [one for one in arguments(folders) if not any(one.partition("=")[0] == o.partition("=")[0] for o in options)]
    done = command("evaluate", *told, *options)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert message in done.err


def test_folders_that_don_t_match(command: Command, folders: dict[str, Path]) -> None:
    (folders["reference"] / "3.png").rename(folders["reference"] / "other.png")
    done = command("evaluate", *arguments(folders, "protocol=generated"))
    assert "1 of 4 predictions have no reference of the same name, the first is 3" in done.err
    write_image(folders["prediction"] / "0.jpg", np.zeros((128, 96, 3), np.uint8))
    done = command("evaluate", *arguments(folders, "protocol=generated"))
    assert "has several pictures called 0" in done.err
    (folders["prediction"] / "0.jpg").unlink()
    (folders["prediction"] / "0.png").write_bytes(b"\x89PNG and no more")
    done = command("evaluate", *arguments(folders, "protocol=generated", "protocol.pairing=unpaired"))
    assert (done.code, "0.png is not a picture" in done.err) == (2, True)


@pytest.mark.parametrize(
    "field, trust",
    [("repaint", {"repaint": "yes"}), ("picture_resizing", {"picture_resizing": "nearest"}), ("protocol", {})],
)
def test_what_can_t_stand_beside_is_refused_before_any_work(
    field: str, trust: dict[str, str], command: Command, folders: dict[str, Path]
) -> None:
    other = Record(
        "other", protocol="generated" if trust else "pf_afn_viton", pairs=4, values={"fid": 1.0}, trust=trust
    )
    root = folders["prediction"].parent
    write(other, root / "others")
    done = command("evaluate", *arguments(folders, "protocol=generated", f"beside={root / 'others'}"))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"other and prediction can't be compared: {field} is " in done.err
    assert not (root / "store").exists()
