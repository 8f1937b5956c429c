"""The command: two photos in, a picture out; a mistake gives one line, exit code 2 and no file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from tests.conftest import ROOT, Command
from tests.model.cat_vton.conftest import TINY
from vtoncompress import checkpoint
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.deployment import open_deployment, write_manifest
from vtoncompress.export.torch import TorchExporter
from vtoncompress.image import read_image, read_mask
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.try_on import to_tensors

PICTURES = ("person=person.jpg", "garment=garment.png", "out=result.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    garment = np.full((128, 96, 3), 255, np.uint8)
    garment[20:100, 20:76] = (180, 30, 60)
    Pillow.fromarray(garment).save(tmp_path / "garment.png")
    Pillow.new("RGB", (96, 128), (120, 100, 90)).save(tmp_path / "person.jpg")
    return tmp_path


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that paints in two steps: ``deployed``, ``network`` (a checkpoint) and a ``person_mask.png``."""
    folder = tmp_path_factory.mktemp("painter")
    torch.manual_seed(0)
    model = CatVTON((64, 48), **TINY).eval()
    model.set_sampling(DDIM(steps=2))
    checkpoint.save(model, folder / "network")
    TorchExporter().export(model, folder / "deployed")
    write_manifest(folder / "deployed", TorchExporter(), model="tiny", size=model.size, inputs=tuple(model.inputs))
    mask = np.zeros((128, 96), np.uint8)
    mask[40:90, 30:66] = 255
    Pillow.fromarray(mask).save(folder / "person_mask.png")
    return folder


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


def test_steps_guidance_and_seed_of_a_deployment_are_the_calls(
    command: Command, folder: Path, painter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    mask = f"person_mask={painter / 'person_mask.png'}"
    done = command("try_on", f"deployment={painter / 'deployed'}", mask, *PICTURES, "steps=1", "guidance=1", "seed=5")
    assert (done.code, done.err) == (0, "")
    try_on = open_deployment(painter / "deployed")
    shown = read_image("person.jpg"), read_image("garment.png"), None, read_mask(painter / "person_mask.png")
    expected = try_on.with_sampler({"steps": 1, "guidance": 1.0, "seed": 5})(*shown)
    assert np.array_equal(read_image("result.png"), expected)
    assert not np.array_equal(expected, try_on(*shown))


def test_a_checkpoint_paints_by_the_sampler_asked_for(
    command: Command, folder: Path, painter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    told: list[dict[str, object]] = []
    set_sampling = CatVTON.set_sampling
    monkeypatch.setattr(CatVTON, "set_sampling", lambda self, to: told.append(to.told()) or set_sampling(self, to))
    options = (f"checkpoint={painter / 'network'}", f"person_mask={painter / 'person_mask.png'}")
    done = command("try_on", *options, *PICTURES, "sampling=dpm_solver", "model.sampling.steps=2", "seed=3")
    assert (done.code, done.err) == (0, "")
    assert {"sampler": "DPMSolver", "steps": 2, "seed": 3}.items() <= told[-1].items()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("deployment=deployed steps=0", "sampling.steps=0: use 1 or more"),
        ("deployment=deployed guidance=-1", "sampling.guidance=-1: use 0 or more"),
        ("deployment=deployed seed=0.5", "seed=0.5: use a whole number"),
        (
            "deployment=deployed model=cat_vton_small model.sampling.steps=0",
            "model=cat_vton_small: deployment=deployed ",
        ),
        ("deployment=deployed sampling=dpm_solver", "sampling=dpm_solver: deployment=deployed brings its own"),
        ("deployment=deployed +model.sampling.seed=3", "model.sampling.seed=3: deployment=deployed brings its own"),
        ("checkpoint=network model=cat_vton_small", "model=cat_vton_small: checkpoint=network brings its own network"),
        ("checkpoint=network sampling=ddim model.sampling.steps=0", "sampling.steps=0: use 1 or more"),
        ("checkpoint=pf_afn_small seed=3", "seed=3: this network does not paint in steps: leave seed out"),
        ("checkpoint=pf_afn_small sampling=ddim", "sampling is for networks that paint in steps"),
        ("sampling=ddim", "sampling is for networks that paint in steps"),
    ],
)
def test_options_that_are_not_the_opened_networks_are_refused(
    command: Command, folder: Path, painter: Path, monkeypatch: pytest.MonkeyPatch, options: str, message: str
) -> None:
    monkeypatch.chdir(folder)
    for name in ("deployed", "network"):
        Path(name).symlink_to(painter / name)
    done = command("try_on", *options.split(), *PICTURES)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err
    assert not Path("result.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("model=cat_vton_small mask=mask.png", "mask=mask.png: this network does not look at it, it takes person_mask"),
        ("model=cat_vton_small foreground=plain_background", "it takes person_mask: leave foreground out"),
        ("deployment=deployed mask=mask.png", "mask=mask.png: this network does not look at it, it takes person_mask"),
        ("checkpoint=network mask=mask.png", "mask=mask.png: this network does not look at it, it takes person_mask"),
        (
            "person_mask=mask.png",
            "person_mask=mask.png: this network does not look at it, it takes mask: leave person_",
        ),
        (
            "masking.garment=lower",
            "masking.garment=lower: this network does not look at it, it takes mask: leave masking",
        ),
        ("checkpoint=pf_afn_small masking=none", "masking=none: this network does not look at it, it takes mask"),
    ],
)
def test_a_mask_that_the_network_does_not_look_at_is_refused(
    command: Command, folder: Path, painter: Path, monkeypatch: pytest.MonkeyPatch, options: str, message: str
) -> None:
    monkeypatch.chdir(folder)
    for name, kept in (("deployed", "deployed"), ("network", "network"), ("mask.png", "person_mask.png")):
        Path(name).symlink_to(painter / kept)
    done = command("try_on", *options.split(), *PICTURES)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err
    assert not Path("result.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("model.checkpoint=nowhere", "there is no checkpoint nowhere"),
        ("person=nothing.jpg", "nothing.jpg does not exist"),
        ("person_mask=nothing.png", "nothing.png does not exist"),
        ("person_mask=garment_sized.png", "the person's mask has 48x64 pixels and the person 96x128"),
        ("person_mask=empty.png", "the person's mask is empty"),
        ("person_mask=full.png", "the person's mask covers the whole picture"),
        ("masking=parsing", "masking=parsing needs a human parser of yours"),
        ("masking=parsing masking.parser=nothing.onnx", "there is no network nothing.onnx"),
        ("model.sampling.steps=0", "sampling.steps=0: use 1 or more"),
        ("model.sampling.steps=2000", "sampling.steps=2000: use 1000 or fewer"),
        ("model.sampling.guidance=-1", "sampling.guidance=-1: use 0 or more"),
        ("model.size=[130,96]", "model.size=[130, 96]: height and width must be multiples of 4"),
        ("size=[130,96]", "cache, devices and size are of a deployment"),
        ("out=result.gif", "cannot write result.gif"),
    ],
)
def test_a_mistake_is_told_before_the_network_is_opened(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, options: str, message: str
) -> None:
    """In this process, in which nothing can be opened, and which has loaded torch already."""
    monkeypatch.chdir(folder)
    Pillow.new("L", (48, 64), 255).save("garment_sized.png")
    Pillow.new("L", (96, 128), 0).save("empty.png")
    Pillow.new("L", (96, 128), 255).save("full.png")
    before = {*folder.iterdir()}
    opened: list[Path] = []
    monkeypatch.setattr(checkpoint, "load", opened.append)
    done = command("try_on", "model=cat_vton_small", *PICTURES, *options.split())
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err
    assert not opened
    assert {*folder.iterdir()} == before
