"""Training in several processes at once: those that a launcher started, or those that are started here."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing import connection, get_context, parent_process
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import torch
import torch.distributed
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env, patch_environment

from vtoncompress import checkpoint
from vtoncompress.model.base import Network

# How long a process waits for one that is alive: the others wait while the main one averages batch-norm statistics.
TIMEOUT = timedelta(hours=2)
GRACE_S = 2.0  # by then a process has noticed that another one failed
SUMMARY = "training.json"
TEACHER = "teacher"


class Trains(Protocol):
    """What several processes can do: a :class:`vtoncompress.finetuning.base.Finetuning`, or what trains alike."""

    def train(self, model: Any, data: Any, folder: Path, teacher: Any = None) -> dict[str, Any]:
        """As :meth:`vtoncompress.finetuning.base.Finetuning.train`."""


Errors = SimpleQueue[tuple[float, Exception]]


def join_group() -> PartialState:
    """This process's place among those that were started together; it is alone where it was started alone.

    Whoever starts them sets the variables that accelerate reads: ``accelerate launch``, ``torchrun``, an MPI, or
    :func:`train_in_processes`.
    """
    on_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    return PartialState(cpu=on_cpu, timeout=TIMEOUT)


def train_in_processes(
    finetuning: Trains,
    processes: int,
    model: Network,
    data: Any,
    folder: Path,
    teacher: Network | None = None,
) -> dict[str, Any]:
    """Call ``finetuning.train`` in ``processes`` new processes that are a group, each with a GPU where there are any.

    Unless OMP_NUM_THREADS is set they share the threads of this process. When one of them fails or is killed the others
    are ended, and when this one is, all of them.

    Args:
        finetuning: its ``train`` joins the group and does its part.
        processes: 2 or more.
        model: trained in place, left in evaluation mode.
        data: can be pickled, as for the workers of a data loader.
        folder, teacher: as in :meth:`Trains.train`; the main process alone writes in the folder.

    Returns:
        What ``finetuning.train`` returned in the main process.

    Raises:
        ValueError: fewer GPUs than processes.
        ChildProcessError: a process was killed.
        Exception: whatever was raised first in any of the processes.
    """
    if torch.cuda.is_available() and processes > torch.cuda.device_count():
        raise ValueError(
            f"finetuning.processes={processes} with {torch.cuda.device_count()} GPUs: each process needs its own; "
            "take fewer, and finetuning.accumulation for the same batch on less memory"
        )
    spawn = get_context("spawn")  # a fork would share locks of threads that it lacks
    errors: Errors = spawn.SimpleQueue()
    with TemporaryDirectory() as temporary:
        start, end = Path(temporary) / "start", Path(temporary) / "end"
        checkpoint.save(model, start)
        if teacher is not None:
            checkpoint.save(teacher, start / TEACHER)
        arguments = (processes, errors, finetuning, start, data, folder, end)
        started = [spawn.Process(target=_work, args=(rank, *arguments)) for rank in range(processes)]
        with patch_environment(**_environment(processes)):
            _run(started, errors)
        model.load_state_dict(checkpoint.load_network(end).state_dict())
        summary: dict[str, Any] = json.loads((end / SUMMARY).read_text())
    model.eval()
    return summary


def _environment(processes: int) -> dict[str, str]:
    """What libraries read when they are loaded in a new process; what the user has set stays."""
    variables = {
        "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // processes)),
        # Or torch warns that it looked for parameters without a gradient and found none.
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }
    # Gloo would look up the address of this machine's name, which not every container knows.
    loopback = {name for _, name in socket.if_nameindex()} & {"lo", "lo0"}
    if loopback:
        variables["GLOO_SOCKET_IFNAME"] = loopback.pop()
    return {name: os.environ.get(name, value) for name, value in variables.items()}


def _work(
    rank: int,
    processes: int,
    errors: Errors,
    finetuning: Trains,
    start: Path,
    data: Any,
    folder: Path,
    end: Path,
) -> None:
    """What a new process does."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    os.environ.update({name: str(value) for name, value in place.items()})
    try:
        torch.distributed.init_process_group(
            "nccl" if torch.cuda.is_available() else "gloo",
            init_method=f"file://{start.parent / 'group'}",  # a port might be taken
            rank=rank,
            world_size=processes,
            timeout=TIMEOUT,
        )
        model = checkpoint.load_network(start)
        teacher = checkpoint.load_network(start / TEACHER) if (start / TEACHER).exists() else None
        summary = finetuning.train(model, data, folder, teacher)
        if rank == 0:
            checkpoint.save(model, end)
            (end / SUMMARY).write_text(json.dumps(summary))
        torch.distributed.destroy_process_group()
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None  # whoever pressed Ctrl-C needs no traceback of every process
    except Exception as error:
        error.add_note(f"In training process {rank} of {processes}:\n{traceback.format_exc()}")
        errors.put((time.monotonic(), error))
        raise SystemExit(1) from None


def _end_with_parent() -> None:
    """Also when it was killed, and while this process waits for another one in a library's code."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _run(processes: Sequence[BaseProcess], errors: Errors) -> None:
    """Return when all processes have done their work, raise why when one has not; none is left in any case."""
    try:
        for process in processes:
            process.start()
        while None in (codes := [process.exitcode for process in processes]) and not any(codes):
            connection.wait([process.sentinel for process, code in zip(processes, codes, strict=True) if code is None])
        if any(codes):
            # The loss of one makes the others fail: only after a while is it clear which one was first.
            deadline = time.monotonic() + GRACE_S
            for process in processes:
                process.join(max(0.0, deadline - time.monotonic()))
            raise _cause([process.exitcode for process in processes], errors)
    finally:
        for process in processes:
            if process.pid is not None:
                process.kill()
                process.join()


def _cause(codes: Sequence[int | None], errors: Errors) -> Exception:
    """Why processes failed, of which some may have failed for want of the others."""
    for rank, code in enumerate(codes):
        if code is not None and code < 0:
            advice = ", most likely by the kernel for want of memory: use a larger finetuning.accumulation"
            return ChildProcessError(
                f"training process {rank} of {len(codes)} was ended by signal {-code}"
                + (advice if -code == signal.SIGKILL else "")
            )
    raised = []
    while not errors.empty():
        raised.append(errors.get())
    if not raised:
        return ChildProcessError(f"the training processes ended with the codes {', '.join(map(str, codes))}")
    return min(raised, key=lambda pair: pair[0])[1]
