"""Two processes train what one does that accumulates, and none outlives, or waits for, one that failed."""

from __future__ import annotations

import copy
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from accelerate import Accelerator

from tests.conftest import TRUTH
from vtoncompress.data.base import Pair
from vtoncompress.finetuning import processes
from vtoncompress.finetuning.supervised import Supervised
from vtoncompress.model.pf_afn import PFAFN

PAIRS = 16  # four steps


@dataclass
class Small:
    """Pairs again and again, their middles only; a new process can be sent it. ``act`` is called before pair ``at``."""

    pairs: list[Pair]
    at: int = -1
    act: Callable[[Pair], Pair] | None = None

    def __getitem__(self, index: int) -> Pair:
        pair = self.pairs[index % len(self.pairs)]
        return self.act(pair) if self.act is not None and index == self.at else pair


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As each of two processes has on two cores: another number of threads adds up in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _shrink(pair: Pair) -> Pair:
    names = ("person", "garment", "garment_mask", "truth", "region", "flow")
    return replace(pair, **{name: getattr(pair, name)[32:96, 16:80].copy() for name in names})


def _killed(pair: Pair) -> Pair:
    os.kill(os.getpid(), signal.SIGKILL)
    return pair


def _mode(**changed: Any) -> Supervised:
    options: dict[str, Any] = {
        "samples": PAIRS, "batch_size": 4, "learning_rate": 2e-3, "warmup": 1, "clip": 1.0, "mixed_precision": "no",
        "workers": 0, "checkpoint_every": 1, "batch_norm_pairs": 4, "loss": TRUTH,
    }  # fmt: skip
    return Supervised(**{**options, **changed})


def _parameters(model: PFAFN) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in model.parameters()])


def _started() -> list[psutil.Process]:
    """Processes of a training that this one started."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


@pytest.fixture(scope="module")
def model() -> PFAFN:
    torch.manual_seed(0)
    return PFAFN(1 / 32, (64, 64)).eval()


@pytest.fixture(scope="module")
def small(pairs: list[Pair]) -> list[Pair]:
    return [_shrink(pair) for pair in pairs]


@pytest.fixture(scope="module")
def alone(model: PFAFN, small: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> tuple[PFAFN, dict[str, Any]]:
    """Trained by one process that accumulates over two halves."""
    trained = copy.deepcopy(model)
    return trained, _mode(accumulation=2).train(trained, Small(small), tmp_path_factory.mktemp("alone"))


def test_two_processes_of_which_one_is_killed_end_where_one_does_that_accumulates(
    alone: tuple[PFAFN, dict[str, Any]], model: PFAFN, small: list[Pair], tmp_path: Path
) -> None:
    """Killed is the second one, to which pairs 14 and 15 are half of the last step."""
    mode = _mode(processes=2)
    with pytest.raises(ChildProcessError, match=r"training process 1 of 2 was ended by signal 9, .* memory"):
        mode.train(copy.deepcopy(model), Small(small, 14, _killed), tmp_path)
    assert not _started()
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]
    assert torch.load(tmp_path / "training.pt", weights_only=True)["step"] >= 1

    trained = copy.deepcopy(model)
    summary = mode.train(trained, Small(small), tmp_path)
    curve, expected = summary.pop("curve"), dict(alone[1])
    assert {name: pytest.approx(values, rel=1e-3) for name, values in expected.pop("curve").items()} == curve
    assert summary == pytest.approx({**expected, "processes": 2}, rel=1e-5)
    torch.testing.assert_close(_parameters(trained), _parameters(alone[0]), rtol=1e-5, atol=1e-6)
    # The statistics are taken anew at the end, so the buffers are the same too.
    for name, buffer in trained.named_buffers():
        torch.testing.assert_close(buffer, alone[0].get_buffer(name), rtol=1e-4, atol=1e-5)
    assert not trained.training
    assert not _started()


def test_batch_norms_see_the_halves(
    alone: tuple[PFAFN, dict[str, Any]], model: PFAFN, small: list[Pair], tmp_path: Path
) -> None:
    """Without which the test above would be passed by any way to cut the batch."""
    whole = copy.deepcopy(model)
    _mode().train(whole, Small(small), tmp_path)
    assert (_parameters(whole) - _parameters(alone[0])).abs().max() > 1e-3


def test_the_new_processes_share_the_threads_unless_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 9)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert processes._environment(2)["OMP_NUM_THREADS"] == "4"
    assert processes._environment(16)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert processes._environment(2)["OMP_NUM_THREADS"] == "3"


def test_a_loss_that_is_not_finite_in_another_process_ends_this_one(
    model: PFAFN, small: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would wait for that one in the next step."""
    monkeypatch.setattr(Accelerator, "reduce", lambda _, terms, how: (terms + torch.full_like(terms, torch.nan)) / 2)
    with pytest.raises(FloatingPointError, match="the training loss is nan at step 0 of 4"):
        _mode().train(copy.deepcopy(model), Small(small), tmp_path)


def test_more_processes_than_gpus_are_refused(model: PFAFN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="finetuning.processes=2 with 1 GPUs"):
        processes.train_in_processes(_mode(processes=2), 2, model, Small([]), tmp_path)


def test_none_outlives_one_that_ended_too_early() -> None:
    spawn = get_context("spawn")
    asleep, dead = spawn.Process(target=time.sleep, args=(600,)), spawn.Process(target=os.abort)
    with pytest.raises(ChildProcessError, match=f"training process 1 of 2 was ended by signal {signal.SIGABRT:d}$"):
        processes._run([asleep, dead], spawn.SimpleQueue())
    assert asleep.exitcode == -signal.SIGKILL
    assert not _started()


@pytest.mark.parametrize(
    "codes, message",
    [
        ([1, -11], "training process 1 of 2 was ended by signal 11$"),
        ([-9, 1], "training process 0 of 2 was ended by signal 9, most likely .* use a larger finetuning.accumulation"),
        ([None, 130], "the training processes ended with the codes None, 130"),
    ],
)
def test_why_processes_failed(codes: list[int | None], message: str) -> None:
    errors = get_context("spawn").SimpleQueue()
    with pytest.raises(ChildProcessError, match=message):
        raise processes._cause(codes, errors)


def test_of_several_errors_the_first_is_the_cause() -> None:
    errors = get_context("spawn").SimpleQueue()
    errors.put((2.0, RuntimeError("connection closed by peer")))
    errors.put((1.0, FloatingPointError("the cause")))
    with pytest.raises(FloatingPointError, match="the cause"):
        raise processes._cause([1, 1], errors)
