"""The real app, called as a browser calls it."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.demo.conftest import LIMITS, layer
from vtoncompress.demo import fitting, serve
from vtoncompress.demo.fitting import FittingRoom, Wish
from vtoncompress.demo.follow import Stopped
from vtoncompress.demo.forget import LOCK, PREFIX, forgetful
from vtoncompress.demo.mask import CANVAS
from vtoncompress.demo.recipe import Recipe
from vtoncompress.demo.serve import check, serving, warn
from vtoncompress.demo.upload import Limits
from vtoncompress.image import read_image
from vtoncompress.masking.plain_background import PlainBackground

pytest.importorskip("gradio")


@pytest.fixture(scope="module")
def client(recipes: list[Recipe], painters: list[Recipe]) -> Iterator[Any]:
    from gradio_client import Client

    with serving([*recipes, *painters], LIMITS, PlainBackground(), "127.0.0.1", None, 1) as address:
        yield Client(address, verbose=False)


def call(client: Any, person: Path | None, garment: Path | None, names: list[str], *sampling: float) -> Any:
    """``sampling``: whether steps and guidance are the visitor's, these, and the seed."""
    from gradio_client import handle_file

    sent = [None if path is None else handle_file(str(path)) for path in (person, garment)]
    return client.predict(*sent, None, names, None, *(sampling or (False, 3, 2.5, 7)), api_name="/try_on")


def test_two_recipes_on_one_visit(client: Any, recipes: list[Recipe], photos: tuple[Path, Path]) -> None:
    from vtoncompress.deployment import open_deployment

    _, results, figures, differences, *_ = call(client, *photos, ["dense", "other"])
    assert [one["caption"] for one in results] == ["dense", "other"]
    for one, recipe in zip(results, recipes, strict=True):
        expected = open_deployment(recipe.folder)(read_image(photos[0]), read_image(photos[1]))
        np.testing.assert_array_equal(np.asarray(Pillow.open(one["image"]).convert("RGB")), expected)
    assert len(differences) == 2
    cells = re.findall(r"<td>(.*?)</td>", figures)
    assert cells[:1] == ["torch"]
    assert cells[3] == "0.00"
    assert float(cells[8]) > 1
    assert cells[4] == "0.500 on the test pairs"


def test_a_network_in_steps_beside_one_without(client: Any, painters: list[Recipe], photos: tuple[Path, Path]) -> None:
    from gradio_client.exceptions import AppError

    told, results, *_ = call(client, *photos, ["other", "painter"], True, 2, 1.0, 5)
    assert "3 of 3 recipes. Done." in told  # that of comparison too
    assert [one["caption"] for one in results] == ["painter, 2 steps", "other"]
    person, garment = map(read_image, photos)
    wish = Wish(person, garment, None, PlainBackground()(person), {"steps": 2, "guidance": 1.0, "seed": 5})
    [expected] = FittingRoom(painters).fit(["painter"], wish)
    np.testing.assert_array_equal(np.asarray(Pillow.open(results[0]["image"]).convert("RGB")), expected.picture)
    with pytest.raises(AppError, match="51"):
        call(client, *photos, ["painter"], True, 51, 1.0, 5)


def test_a_recipe_keeps_its_own_steps_unless_the_visitor_chooses(
    client: Any, painters: list[Recipe], photos: tuple[Path, Path]
) -> None:
    """The sliders stand at the first recipe's, which are not those of the second."""
    names = [one.name for one in painters]
    _, results, *_ = call(client, *photos, names, False, 3, 2.5, 5)
    assert [one["caption"] for one in results] == ["painter, 3 steps", "other painter, 2 steps"]
    person, garment = map(read_image, photos)
    mask = PlainBackground()(person)
    for one, recipe in zip(results, painters, strict=True):
        own = Wish(person, garment, None, mask, {**(recipe.sampling or {}), "seed": 5})
        *_, expected = FittingRoom(painters).fit([recipe.name], own)
        np.testing.assert_array_equal(np.asarray(Pillow.open(one["image"]).convert("RGB")), expected.picture)


def test_what_can_t_end_in_time_is_refused_after_two_steps(
    painters: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vtoncompress.demo import visit

    now, told = [0.0], list[int]()
    monkeypatch.setattr(visit, "time", SimpleNamespace(monotonic=lambda: now[0]))
    tell = visit.Visit(FittingRoom(painters), LIMITS, PlainBackground())._in_time(lambda *step: told.append(step[1]))

    def paint(steps: int, seconds: float) -> None:
        for step in range(steps + 1):
            tell("painter", step, steps)
            now[0] += seconds

    paint(5, 6.0)
    with pytest.raises(ValueError, match="painter: its 5 steps would take 18 s more, and .* 12 s left: .* at most 4 "):
        paint(5, 6.0)
    assert told == [0, 1, 2, 3, 4, 5, 0, 1]


def visit_of(recipes: list[Recipe], names: list[str], photos: tuple[Path, Path], limits: Limits = LIMITS) -> list[str]:
    """What the status says, in turn, of one that asks for these."""
    from vtoncompress.demo.visit import Visit

    visit = Visit(FittingRoom(recipes), limits, PlainBackground())
    return [status for status, *_ in visit.run(*map(read_image, photos), None, names)]


def test_a_run_for_comparison_counts_and_is_called_that(recipes: list[Recipe], photos: tuple[Path, Path]) -> None:
    told = visit_of(recipes, ["other"], photos)
    lines = [re.findall("<p>(.*?)</p>", one)[0] for one in told]
    assert lines[0] == "0 of 2 recipes. Looking for masks."
    assert lines[3] == "1 of 2 recipes."
    assert lines[4] == "1 of 2 recipes. dense, for comparison"
    assert lines[-1] == "2 of 2 recipes. Done."
    values = [float(value) for one in told for value in re.findall('value="(.*?)"', one)]
    assert values == sorted(values)


@pytest.mark.parametrize("error, line", [(MemoryError(), "too little memory"), (RuntimeError("op 7"), "on the server")])
def test_what_no_visitor_can_help_is_told_in_a_line_too(
    recipes: list[Recipe], photos: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], error: Exception, line: str,
) -> None:  # fmt: skip
    import gradio as gr

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(fitting, "_timed", fail)
    with pytest.raises(gr.Error, match=line) as raised:
        visit_of(recipes, ["dense"], photos)
    assert "op 7" not in str(raised.value)
    assert type(error).__name__ in capsys.readouterr().err


def test_cancelled_is_said_of_what_runs() -> None:
    from vtoncompress.demo.visit import CANCELLED, WAITING, status, unless_over

    for running in (WAITING, status("dense", 0, 2), status("", 1, 2)):
        assert unless_over(CANCELLED)(running) == CANCELLED
    for still in (None, "", CANCELLED, status("Done.", 2, 2, over=True)):
        assert unless_over("")(still) != ""


def test_a_run_for_comparison_that_takes_too_long_takes_no_picture(
    recipes: list[Recipe], photos: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vtoncompress.demo import visit

    # The visit's beginning, that of masks, the chosen one's, its end, the other one's beginning.
    now = iter([0.0, 0.5, 1.0, 2.0, 99.0])
    monkeypatch.setattr(visit, "time", SimpleNamespace(monotonic=lambda: next(now)))
    assert (
        "1 of 2 recipes. Done, but not compared. This took longer than 60 s" in visit_of(recipes, ["other"], photos)[-1]
    )


@pytest.mark.parametrize(
    "change, line",
    [
        ("no person", "Send a photo of a person and one of a garment first."),
        ("no recipe", "Choose at least one recipe."),
        ("broken", "This file is no picture that can be read"),
        ("large", "This picture has 3 megapixels"),
        ("plain", "No garment is found on a plain background: paint the garment's mask, or send another photo."),
    ],
)
def test_what_is_refused_is_refused_in_a_line(
    client: Any, photos: tuple[Path, Path], tmp_path: Path, change: str, line: str
) -> None:
    from gradio_client.exceptions import AppError

    person: Path | None = photos[0]
    garment, names = photos[1], ["dense"]
    if change == "no person":
        person = None
    elif change == "no recipe":
        names = []
    elif change == "broken":
        person = tmp_path / "broken.png"
        person.write_bytes(b"\x89PNG and no more")
    elif change == "large":
        person = tmp_path / "large.png"
        Pillow.new("1", (2000, 1500)).save(person)
    else:
        garment = tmp_path / "plain.png"
        Pillow.new("RGB", (96, 128), "white").save(garment)
    with pytest.raises(AppError, match=line) as raised:
        call(client, person, garment, names)
    assert "/tmp" not in str(raised.value)


def painted_by(client: Any, photos: tuple[Path, Path], *layers: Path) -> Any:
    """A visit of somebody who painted the garment's mask."""
    from gradio_client import handle_file

    drawn = {"background": None, "layers": [handle_file(str(path)) for path in layers], "composite": None}
    sent = [handle_file(str(path)) for path in photos]
    return client.predict(*sent, drawn, ["dense"], None, False, 3, 2.5, 7, api_name="/try_on")


def test_what_is_painted_has_limits_as_photos_have(client: Any, photos: tuple[Path, Path], tmp_path: Path) -> None:
    from gradio_client.exceptions import AppError

    good, broken, large = (tmp_path / f"{name}.png" for name in ("good", "broken", "large"))
    Pillow.fromarray(layer((64, 48), slice(0, 32), slice(0, 48))).save(good)
    broken.write_bytes(b"\x89PNG and no more")
    Pillow.new("RGBA", (CANVAS + 1, CANVAS)).save(large)
    assert len(painted_by(client, photos, good)[1]) == 1
    for layers in ([broken], [large], [good, good]):
        with pytest.raises(AppError, match="This painted mask can't be read: paint it on this page"):
            painted_by(client, photos, *layers)


def test_an_address_in_place_of_a_file_is_not_asked(client: Any) -> None:
    import httpx

    named = {"path": "https://example.com/person.png", "meta": {"_type": "gradio.FileData"}}
    for sent in ([named, None, None, ["dense"]], [None, None, None, named]):
        begun = httpx.post(f"{client.src}gradio_api/call/try_on", json={"data": [*sent, None, False, 3, 2.5, 7]}).json()
        told = httpx.get(f"{client.src}gradio_api/call/try_on/{begun['event_id']}", timeout=60).text
        assert "Send a file, not an address." in told


def test_nothing_is_passed_on_from_elsewhere_and_no_visit_is_kept(client: Any) -> None:
    import httpx

    answer = httpx.get(f"{client.src}gradio_api/file=https://example.com/person.png")
    assert (answer.status_code, answer.json()) == (403, {"detail": "This server fetches nothing from elsewhere."})
    assert client.config["run_history"] is False


def test_there_is_no_way_past_the_queue(client: Any) -> None:
    import httpx

    data = [None, None, None, ["dense"], None, False, 3, 2.5, 7]
    answer = httpx.post(f"{client.src}gradio_api/run/try_on", json={"data": data})
    assert answer.status_code == 404
    assert "join the queue" in answer.text


def test_a_visit_that_waited_for_a_network_is_told_before_it_is_opened(
    recipes: list[Recipe], photos: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = FittingRoom(recipes)
    monkeypatch.setattr(room, "_open", lambda _: pytest.fail("opened"))

    def told(*_: Any) -> None:
        assert room._turn["dense"].locked()
        raise Stopped

    with pytest.raises(Stopped):
        next(room.fit(["dense"], Wish(*map(read_image, photos)), told))


def test_the_slider_shows_files_until_they_are_forgotten(photos: tuple[Path, Path], tmp_path: Path) -> None:
    from vtoncompress.demo.visit import slide

    kept = {"dense": str(photos[0]), "other": str(photos[1]), "old": str(tmp_path / "gone.png")}
    left, right = slide(kept, "dense", "other") or ()
    np.testing.assert_array_equal(left, read_image(photos[0]))
    np.testing.assert_array_equal(right, read_image(photos[1]))
    assert slide(kept, "dense", "old") is slide(kept, None, "dense") is None


def test_what_a_killed_demo_left_goes_with_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, running, other = (tmp_path / f"{PREFIX}{name}" for name in ("killed", "running", "other"))
    for folder in (killed, running, other):
        folder.mkdir()
        (folder / "photo.png").write_bytes(b"me")
    (killed / LOCK).touch()
    with (running / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with forgetful(60, "kept") as mine:
            assert sorted(tmp_path.iterdir()) == sorted([running, other, mine])
    assert (running / "photo.png").exists()


@pytest.mark.parametrize("port", [0, 99999, "abc", True])
def test_a_port_that_is_none_is_told_before_anything_is_deployed(port: Any) -> None:
    with pytest.raises(ValueError, match=f"port={port}: use a whole number from 1 to 65535"):
        check("127.0.0.1", port)


def test_a_taken_port_is_told_before_anything_is_deployed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"port={port} on host=127.0.0.1 can't be used: choose another"):
            check("127.0.0.1", port)
    check("127.0.0.1", port)
    check("127.0.0.1", None)


def test_nothing_is_painted_past_the_uploads(client: Any) -> None:
    import httpx

    components = client.config["components"]
    [painted] = (one["id"] for one in components if one["props"].get("elem_id") == "painted-garment")
    data = {"type": "layer", "index": "0", "id": "mine", "component_id": painted, "fn_name": "accept_blobs"}
    answer = httpx.post(
        f"{client.src}gradio_api/component_server", data={**data, "session_hash": "mine"}, files={"file": b"painted"}
    )
    assert answer.status_code == 404


def test_a_file_that_is_too_long_is_not_taken(client: Any, photos: tuple[Path, Path], tmp_path: Path) -> None:
    long = tmp_path / "long.png"
    Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)).save(long)
    assert long.stat().st_size > 1e6
    with pytest.raises(Exception, match=r"413|larger|exceed|too large"):
        call(client, long, photos[1], ["dense"])


def test_files_of_this_machine_are_not_served(client: Any) -> None:
    import httpx

    secret = Path(__file__)
    for path in (f"gradio_api/file={secret}", "gradio_api/file=/etc/hostname"):
        assert httpx.get(f"{client.src}{path}").status_code in (403, 404)


def test_nothing_is_left_when_it_ends(recipes: list[Recipe], painters: list[Recipe], photos: tuple[Path, Path]) -> None:
    from gradio_client import Client

    with serving([*recipes, *painters], LIMITS, PlainBackground(), "127.0.0.1", None, 1) as address:
        call(Client(address, verbose=False), *photos, ["dense"])
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        assert folder.is_dir()
        assert tempfile.gettempdir() == str(folder.parent)
    assert not folder.parent.exists()


def test_an_upload_that_breaks_off_is_forgotten_and_the_examples_are_not(
    recipes: list[Recipe], photos: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "KEPT_SECONDS", 3)
    with serving(recipes, LIMITS, PlainBackground(), "127.0.0.1", None, 1) as address:
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        examples = files(folder)
        body = (
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="me.png"\r\n\r\n' + photos[0].read_bytes()
        )
        head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: me\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        with socket.create_connection(("127.0.0.1", urlsplit(address).port)) as sender:
            sender.sendall(head + b"Content-Length: 999999\r\n\r\n" + body)
            wait_for(lambda: files(folder) > examples)
        wait_for(lambda: files(folder) == examples)
    assert len(examples) == 6


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_who_lets_others_in_is_told() -> None:
    assert warn("127.0.0.1") is None
    assert "no password" in str(warn("0.0.0.0"))
