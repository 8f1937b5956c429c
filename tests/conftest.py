"""A toy network and a few generated pairs; none of the shared ones may be changed."""

from __future__ import annotations

import copy
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from omegaconf import OmegaConf
from torch import Tensor
from torch.utils.data import default_collate

from vtoncompress.data.base import Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.data.viton_layout import write_layout
from vtoncompress.data.viton_training import VitonTraining
from vtoncompress.finetuning.pairs import training_tensors
from vtoncompress.model.pf_afn import PFAFN

ROOT = Path(__file__).resolve().parents[1]
SIZE = (128, 96)
WIDTH = 1 / 16
# What makes a variant small; the network is wide enough for everything that happens to the real one to happen to it.
TOY = (
    f"model.network.width={WIDTH}", "model.checkpoint=null", "data.pairs=4", "calibration.pairs=4", "parity_pairs=2",
    "finetuning.samples=4", "finetuning.batch_size=2", "finetuning.workers=0", "finetuning.batch_norm_pairs=0",
    "validation_pairs=2", "quantization.training.samples=4", "quantization.training.batch_size=2",
    "quantization.training.workers=0",
)  # fmt: skip


def loss_weights(choice: str) -> dict[str, float]:
    """Of ``finetuning/loss=<choice>``."""
    return {str(name): value for name, value in OmegaConf.load(ROOT / f"conf/finetuning/loss/{choice}.yaml").items()}


TRUTH, PAPER = loss_weights("truth"), loss_weights("paper")


def loss_of(model: PFAFN, batch: dict[str, Tensor], weights: dict[str, float] = TRUTH) -> dict[str, Tensor]:
    """The model's loss on a batch, term by term."""
    trace = model.trace(batch["person"], batch["garment"], batch["garment_mask"])
    return model.loss(trace, batch, weights)


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    """Four generated pairs of the training split."""
    return Synthetic("train", 4, *SIZE)[:]


@pytest.fixture(scope="session")
def viton_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four generated people in VITON's training layout."""
    root = tmp_path_factory.mktemp("viton") / "VITON_traindata"
    write_layout(Synthetic("train", 4, *SIZE), root)
    return root


@pytest.fixture(scope="session")
def examples(viton_root: Path) -> VitonTraining:
    """The same, small."""
    return VitonTraining(viton_root, 64, 64, [4], [1, 5, 6, 8, 9, 10, 12], [11, 13], 0.08)


@pytest.fixture(scope="session")
def batch(pairs: list[Pair]) -> dict[str, Tensor]:
    """The four pairs as a network's loss takes them."""
    return default_collate([training_tensors(pair) for pair in pairs])


@pytest.fixture(scope="session")
def inputs(batch: dict[str, Tensor]) -> list[Tensor]:
    """Person, garment and garment mask of the four pairs."""
    return [batch[name] for name in ("person", "garment", "garment_mask")]


@pytest.fixture(scope="session")
def toys(inputs: list[Tensor]) -> dict[str, PFAFN]:
    """By convention: random weights with a flow of some pixels, and batch norms that know the four pairs."""
    return {convention: _toy(convention, inputs) for convention in ("official", "seed")}


@pytest.fixture
def toy(toys: dict[str, PFAFN]) -> PFAFN:
    """A copy that a test may change."""
    return copy.deepcopy(toys["official"])


def _toy(convention: str, inputs: list[Tensor]) -> PFAFN:
    torch.manual_seed(0)
    model = PFAFN(WIDTH, SIZE, convention)
    for name in model.float_layers():
        torch.nn.init.normal_(model.get_submodule(name).weight, std=0.05)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None  # the plain average over the calls below
    with torch.no_grad():
        for _ in range(3):
            model.train()(*inputs)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 0.1
    return model.eval()


@pytest.fixture(autouse=True)
def _no_accelerator_left() -> Iterator[None]:
    """accelerate allows a process one precision; here every test is a process of its own to it."""
    yield
    if (state := sys.modules.get("accelerate.state")) is not None:
        state.AcceleratorState._reset_state(reset_partial_state=True)


@dataclass
class Done:
    """A finished command: exit code, stdout and stderr."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs ``experiments/<name>.py`` in this process, which has loaded torch already."""

    def call(name: str, *arguments: str) -> Done:
        capfd.readouterr()
        code = run_script(monkeypatch, name, *arguments)
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return call


def run_script(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> int:
    """The exit code of ``experiments/<name>.py``, run in this process."""
    script = ROOT / "experiments" / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert isinstance(ended.value.code, int)
    return ended.value.code


@dataclass(frozen=True)
class Sweep:
    """A sweep that was run once for all tests that look at it.

    Attributes:
        arguments: of ``experiments/run.py``; the same again must build nothing.
        results, store: its folders.
        name: of the results folder.
        code: exit code.
    """

    arguments: tuple[str, ...]
    results: Path
    store: Path
    name: str
    code: int

    @property
    def folder(self) -> Path:
        return self.results / self.name


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Two ratios in float32 and INT8, fine-tuned on four pairs: four variants, each in a process of its own.

    It is run once, whichever of pytest's own processes asks first.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sweep"
    arguments = (
        "-m", *TOY, "pruning=one_shot", "pruning.ratio=0.25,0.5", "quantization=none,nncf_ptq", "finetuning=supervised",
        "metric=[cost,size,garment,flow_error]", f"results={folder / 'results'}", f"store={folder / 'store'}",
        "name=toy_sweep",
    )  # fmt: skip
    ended = folder.with_suffix(".code")
    with FileLock(folder.with_suffix(".lock")):
        if not ended.exists():
            folder.mkdir()
            with pytest.MonkeyPatch.context() as monkeypatch:
                monkeypatch.chdir(folder)
                monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
                code = run_script(monkeypatch, "run", *arguments)
            assert {path.name for path in folder.iterdir()} <= {"results", "store"}
            ended.write_text(str(code))
    return Sweep(arguments, folder / "results", folder / "store", "toy_sweep", int(ended.read_text()))
