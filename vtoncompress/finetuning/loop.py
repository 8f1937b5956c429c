"""The one training loop: batches, processes, precision, checkpoints; what is minimised is given to it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, broadcast
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vtoncompress.finetuning.curve import Curve
from vtoncompress.finetuning.first_phase import FirstPhase
from vtoncompress.finetuning.objective import Objective
from vtoncompress.finetuning.passing import split
from vtoncompress.finetuning.processes import join_group
from vtoncompress.finetuning.schedule import Schedule
from vtoncompress.finetuning.tracking import FOLDER, check_tracker, end_tracker, start_tracker
from vtoncompress.finetuning.training_state import TrainingState, weights_hash
from vtoncompress.progress import Progress

MIXED_PRECISIONS = ("no", "bf16")


@dataclass(frozen=True)
class TrainingLoop:
    """AdamW on batches of pairs.

    A step's batch is cut into ``accumulation`` micro-batches for each of ``processes``. Into how many shows in the
    batch norms, which see one at a time; who computes one does not: two processes end with the parameters of one that
    accumulates twice, within rounding.

    Args:
        samples: training budget in pairs, a new pair each time.
        batch_size: pairs a step, over all processes and micro-batches.
        learning_rate: the peak.
        schedule: how the rate goes on from there.
        first_phase: what learns at first.
        clip: largest norm of the gradient.
        mixed_precision: accelerate's ``no`` or ``bf16``.
        workers: processes that draw pairs, for each that trains; 0 draws them between steps.
        checkpoint_every: steps between checkpoints.
        batch_norm_pairs: pairs over which batch-norm statistics are averaged at the end; 0 keeps the moving averages,
            those of the main process.
        accumulation: micro-batches a step and process, for less memory.
        processes: that train together; they are started by the mode, unless a launcher has started them.
        tracker: accelerate's ``tensorboard``, ``mlflow`` or ``wandb``; None for none.

    Raises:
        ValueError: a budget without a batch, a batch that can't be cut so, or an unknown precision.
    """

    samples: int
    batch_size: int
    learning_rate: float
    schedule: Schedule
    first_phase: FirstPhase
    clip: float
    mixed_precision: str
    workers: int
    checkpoint_every: int
    batch_norm_pairs: int
    accumulation: int
    processes: int
    tracker: str | None = None

    def __post_init__(self) -> None:
        check_tracker(self.tracker)
        if self.samples < self.batch_size or self.batch_size < 2:
            raise ValueError(
                f"finetuning.samples={self.samples} with finetuning.batch_size={self.batch_size}: a batch needs 2 "
                "pairs or more (batch norm) and the budget at least one batch"
            )
        if self.mixed_precision not in MIXED_PRECISIONS:
            raise ValueError(
                f"finetuning.mixed_precision={self.mixed_precision}: choose one of {', '.join(MIXED_PRECISIONS)}"
            )
        for name, lowest in (("workers", 0), ("batch_norm_pairs", 0), ("checkpoint_every", 1)):
            if getattr(self, name) < lowest:
                raise ValueError(f"finetuning.{name}={getattr(self, name)}: use {lowest} or more")
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"finetuning.{name}={getattr(self, name)}: use more than 0")
        self._micro_batch_size(self.processes)

    def check(self, model: nn.Module) -> None:
        """ValueError where the options don't fit the network."""
        self.first_phase.check(model)

    def starts_processes(self) -> bool:
        """Whether ``processes`` are still to be started."""
        return self.processes > 1 and join_group().num_processes == 1

    def run(self, objective: Objective, data: Sequence[Any], folder: Path) -> dict[str, Any]:
        """Train the objective's model in place on the first ``samples`` of ``data``, this process's part of it.

        ``folder`` keeps the checkpoint from which a killed run goes on to the same result. All processes read it, the
        main one writes it.

        Returns:
            What a record should know: steps, processes, final terms of the loss (means over the last tenth), their
            ``curve``, and the objective's own record. Seconds are not among them.

        Raises:
            FloatingPointError: the loss is not finite.
            ValueError: ``folder`` is of a run with other settings, or there are other processes than asked for.
            ChildProcessError: one of the processes was killed.
        """
        group = join_group()
        if self.processes not in (1, group.num_processes):
            raise ValueError(
                f"finetuning.processes={self.processes}, but the launcher started {group.num_processes}: drop one"
            )
        # accelerate keeps one precision for the life of a process, which may train more than once.
        AcceleratorState._reset_state()
        accelerator = Accelerator(
            mixed_precision=self.mixed_precision,
            log_with=self.tracker,
            project_dir=folder.parent / FOLDER,
            # A frozen part, or one that no term of the loss looks at, gets no gradient.
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        model, steps = objective.model, self.samples // self.batch_size
        optimizer = torch.optim.AdamW(model.parameters(), lr=self.learning_rate, weight_decay=1e-4)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self.schedule.factor(step, steps))
        identity = self._identity(objective, data, accelerator.num_processes)
        state = TrainingState(folder / "training.pt", identity, model, optimizer, scheduler, Curve(steps))
        start_tracker(accelerator, folder, identity)
        self._train(accelerator, objective, state, data, steps)
        end_tracker(accelerator)
        if accelerator.is_main_process:
            objective.reestimate(data, self.batch_norm_pairs)
        broadcast(list(model.buffers()))
        model.eval().to("cpu")
        names = {name: name if name in objective.told else f"loss_{name}" for name in state.recent}
        means = {names[name]: float(np.mean(values)) for name, values in state.recent.items()}
        curve = {names.get(name, name): points for name, points in state.curve.points().items()}
        told = {"steps": steps, "processes": accelerator.num_processes, **means, "curve": curve}
        return {**told, **objective.record}

    def _train(
        self, accelerator: Accelerator, objective: Objective, state: TrainingState, data: Sequence[Any], steps: int
    ) -> None:
        start = state.load()
        size = self._micro_batch_size(accelerator.num_processes)
        pairs = objective.samples(data, start * self.batch_size, steps * self.batch_size)
        # accelerate deals the micro-batches out in turns, so that a step's are neighbours whoever computes them.
        module, optimizer, loader = accelerator.prepare(
            objective, state.optimizer, DataLoader(pairs, size, num_workers=self.workers, drop_last=True)
        )
        module.train()
        first = self.first_phase.steps(steps)
        if start < first:
            self.first_phase.begin(state.model)
        batches = zip(*[iter(loader)] * self.accumulation, strict=True)
        with Progress("training", steps, start, shown=accelerator.is_main_process) as progress:
            for step, micro_batches in zip(range(start, steps), batches, strict=True):
                if step == first > start:
                    self.first_phase.end(state.model)
                optimizer.zero_grad()
                place = f"step {step} of {steps}"
                means = self._backward(accelerator, module, micro_batches, objective.told, place)
                accelerator.clip_grad_norm_(state.model.parameters(), self.clip)
                optimizer.step()
                state.scheduler.step()
                for name, value in means.items():
                    state.recent[name] = [*state.recent.get(name, []), value][-max(1, steps // 10) :]
                state.curve.add(step, means)
                accelerator.log(means, step)
                progress.step({name: float(np.mean(values[-50:])) for name, values in state.recent.items()})
                if (step + 1) % self.checkpoint_every == 0 and step + 1 < steps and accelerator.is_main_process:
                    state.save(step + 1)
        state.model.requires_grad_(True)

    def _backward(
        self,
        accelerator: Accelerator,
        module: nn.Module,
        micro_batches: Sequence[Mapping[str, Tensor]],
        told: Collection[str],
        place: str,
    ) -> dict[str, float]:
        """Leave the gradient of the mean over micro-batches and processes; the same mean of each value."""
        means = []
        for number, batch in enumerate(micro_batches, start=1):
            last = number == len(micro_batches)
            with nullcontext() if last else accelerator.no_sync(module):  # gradients are exchanged once a step
                values = module(batch)
                means.append(accelerator.reduce(torch.stack([value.detach() for value in values.values()]), "mean"))
                # Before the gradient, because grid_sample's crashes on coordinates that are not finite. And of the mean
                # over all processes, so that all of them stop and none waits for one that has.
                if not math.isfinite(total := means[-1].sum().item()):
                    raise FloatingPointError(f"the training loss is {total} at {place}")
                terms = [value for name, value in values.items() if name not in told]
                accelerator.backward(torch.stack(terms).sum() / len(micro_batches))
        return dict(zip(values, torch.stack(means).mean(0).tolist(), strict=True))

    def _micro_batch_size(self, processes: int) -> int:
        """Pairs of a micro-batch. ValueError where the batch can't be cut into equal ones of 2 pairs or more."""
        parts = self.accumulation * processes
        if self.accumulation < 1 or processes < 1 or self.batch_size % parts or self.batch_size // parts < 2:
            raise ValueError(
                f"finetuning.batch_size={self.batch_size} with finetuning.accumulation={self.accumulation} and "
                f"{processes} processes: it must divide into equal micro-batches of 2 pairs or more (batch norm)"
            )
        return self.batch_size // parts

    def _identity(self, objective: Objective, data: Sequence[Any], processes: int) -> dict[str, Any]:
        """What a run must share with the one whose checkpoint it goes on from, to end with the same numbers."""
        options, _ = split(asdict(self))
        options |= {"schedule": self.schedule.kind, "warmup": self.schedule.warmup, "decay": self.schedule.decay}
        start = {"model": objective.model.arguments(), "initial_weights": weights_hash(objective.model)}
        return {**options, "processes": processes, **objective.settings, **start, "data": data[0].name}
