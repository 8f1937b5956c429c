"""Supervised training on generated pairs: from scratch, or to bring back what compression took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.base import Finetuning
from vtoncompress.finetuning.batch_norm import reestimate
from vtoncompress.finetuning.pairs import TrainingPairs
from vtoncompress.finetuning.processes import join_group, train_in_processes
from vtoncompress.finetuning.progress import Progress
from vtoncompress.finetuning.training_state import TrainingState, weights_hash
from vtoncompress.model.base import TryOnModel

MIXED_PRECISIONS = ("no", "bf16")


class Supervised(Finetuning):
    """Minimises the model's own loss on pairs with a known truth.

    A step's batch is cut into ``accumulation`` micro-batches for each of ``processes``. Into how many shows in the
    batch norms, which see one at a time; who computes one does not: two processes end with the parameters of one that
    accumulates twice, within rounding.

    Args:
        samples: training budget in pairs, a new pair each time.
        batch_size: pairs a step, over all processes and micro-batches.
        learning_rate: AdamW's peak rate, after ``warmup`` steps; it then falls to zero along a cosine.
        warmup: steps.
        clip: largest norm of the gradient.
        mixed_precision: accelerate's ``no`` or ``bf16``.
        workers: processes that draw pairs, for each that trains; 0 draws them between steps.
        checkpoint_every: steps between checkpoints.
        batch_norm_pairs: pairs over which batch-norm statistics are averaged at the end; 0 keeps the moving averages,
            those of the main process.
        accumulation: micro-batches a step and process, for less memory.
        processes: that train together; they are started here, unless a launcher has started them.

    Raises:
        ValueError: a budget without a batch, a batch that can't be cut so, or an unknown precision.
    """

    def __init__(
        self,
        samples: int,
        batch_size: int,
        learning_rate: float,
        warmup: int,
        clip: float,
        mixed_precision: str,
        workers: int,
        checkpoint_every: int,
        batch_norm_pairs: int,
        accumulation: int = 1,
        processes: int = 1,
    ) -> None:
        if samples < batch_size or batch_size < 2:
            raise ValueError(
                f"finetuning.samples={samples} with finetuning.batch_size={batch_size}: a batch needs 2 pairs or more "
                "(batch norm) and the budget at least one batch"
            )
        if mixed_precision not in MIXED_PRECISIONS:
            raise ValueError(
                f"finetuning.mixed_precision={mixed_precision}: choose one of {', '.join(MIXED_PRECISIONS)}"
            )
        least = {"warmup": (warmup, 0), "workers": (workers, 0), "batch_norm_pairs": (batch_norm_pairs, 0)}
        for name, (value, lowest) in (least | {"checkpoint_every": (checkpoint_every, 1)}).items():
            if value < lowest:
                raise ValueError(f"finetuning.{name}={value}: use {lowest} or more")
        for name, positive in (("learning_rate", learning_rate), ("clip", clip)):
            if not positive > 0:
                raise ValueError(f"finetuning.{name}={positive}: use more than 0")
        self.samples, self.batch_size = samples, batch_size
        self.learning_rate, self.warmup, self.clip = learning_rate, warmup, clip
        self.mixed_precision, self.workers, self.checkpoint_every = mixed_precision, workers, checkpoint_every
        self.batch_norm_pairs = batch_norm_pairs
        self.accumulation, self.processes = accumulation, processes
        self._micro_batch_size(processes)

    def train(self, model: TryOnModel, data: TryOnData, folder: Path) -> dict[str, Any]:
        """Train ``model`` in place on the first ``samples`` pairs of ``data``.

        ``folder`` keeps the checkpoint from which a killed run goes on to the same result. All processes read it, the
        main one writes it.

        Returns:
            What a record should know: steps, processes, final loss terms (means over the last tenth), seconds are not
            among them.

        Raises:
            FloatingPointError: the loss is not finite.
            ValueError: ``folder`` is of a run with other settings, or there are other processes than asked for.
            ChildProcessError: one of the processes was killed.
        """
        group = join_group()
        if group.num_processes == 1 and self.processes > 1:
            return train_in_processes(self, self.processes, model, data, folder)
        if self.processes not in (1, group.num_processes):
            raise ValueError(
                f"finetuning.processes={self.processes}, but the launcher started {group.num_processes}: drop one"
            )
        # accelerate keeps one precision for the life of a process, which may train more than once.
        AcceleratorState._reset_state()
        accelerator = Accelerator(mixed_precision=self.mixed_precision)
        steps = self.samples // self.batch_size
        optimizer = torch.optim.AdamW(model.parameters(), lr=self.learning_rate, weight_decay=1e-4)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._schedule(steps))
        identity = self._identity(model, data, accelerator.num_processes)
        state = TrainingState(folder / "training.pt", identity, model, optimizer, scheduler)
        self._train(accelerator, state, data, steps)
        if accelerator.is_main_process:
            reestimate(model, data, self.batch_norm_pairs)
        broadcast(list(model.buffers()))
        model.eval().to("cpu")
        losses = {f"loss_{name}": float(np.mean(values)) for name, values in state.recent.items()}
        return {"steps": steps, "processes": accelerator.num_processes, **losses}

    def _train(self, accelerator: Accelerator, state: TrainingState, data: TryOnData, steps: int) -> None:
        start = state.load()
        size = self._micro_batch_size(accelerator.num_processes)
        pairs = TrainingPairs(data, start * self.batch_size, steps * self.batch_size)
        # accelerate deals the micro-batches out in turns, so that a step's are neighbours whoever computes them.
        loss, optimizer, loader = accelerator.prepare(
            _LossModule(state.model),
            state.optimizer,
            DataLoader(pairs, size, num_workers=self.workers, drop_last=True),
        )
        loss.train()
        batches = zip(*[iter(loader)] * self.accumulation, strict=True)
        with Progress("training", steps, start, shown=accelerator.is_main_process) as progress:
            for step, micro_batches in zip(range(start, steps), batches, strict=True):
                optimizer.zero_grad()
                terms = self._backward(accelerator, loss, micro_batches, f"step {step} of {steps}")
                accelerator.clip_grad_norm_(state.model.parameters(), self.clip)
                optimizer.step()
                state.scheduler.step()
                for name, value in terms.items():
                    state.recent[name] = [*state.recent.get(name, []), value][-max(1, steps // 10) :]
                progress.step({name: float(np.mean(values[-50:])) for name, values in state.recent.items()})
                if (step + 1) % self.checkpoint_every == 0 and step + 1 < steps and accelerator.is_main_process:
                    state.save(step + 1)

    def _backward(
        self, accelerator: Accelerator, loss: nn.Module, micro_batches: Sequence[Mapping[str, Tensor]], place: str
    ) -> dict[str, float]:
        """Leave the gradient of the mean over micro-batches and processes; the same mean of each term of the loss."""
        means = []
        for number, batch in enumerate(micro_batches, start=1):
            last = number == len(micro_batches)
            with nullcontext() if last else accelerator.no_sync(loss):  # gradients are exchanged once a step
                terms = loss(batch)
                means.append(accelerator.reduce(torch.stack([term.detach() for term in terms.values()]), "mean"))
                # Before the gradient, because grid_sample's crashes on coordinates that are not finite. And of the mean
                # over all processes, so that all of them stop and none waits for one that has.
                if not math.isfinite(total := means[-1].sum().item()):
                    raise FloatingPointError(f"the training loss is {total} at {place}")
                accelerator.backward(torch.stack(list(terms.values())).sum() / len(micro_batches))
        return dict(zip(terms, torch.stack(means).mean(0).tolist(), strict=True))

    def _schedule(self, steps: int) -> Any:
        def factor(step: int) -> float:
            return min(1.0, (step + 1) / max(1, self.warmup)) * (0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1)))

        return factor

    def _micro_batch_size(self, processes: int) -> int:
        """Pairs of a micro-batch. ValueError where the batch can't be cut into equal ones of 2 pairs or more."""
        parts = self.accumulation * processes
        if self.accumulation < 1 or processes < 1 or self.batch_size % parts or self.batch_size // parts < 2:
            raise ValueError(
                f"finetuning.batch_size={self.batch_size} with finetuning.accumulation={self.accumulation} and "
                f"{processes} processes: it must divide into equal micro-batches of 2 pairs or more (batch norm)"
            )
        return self.batch_size // parts

    def _identity(self, model: TryOnModel, data: TryOnData, processes: int) -> dict[str, Any]:
        """What a run must share with the one whose checkpoint it goes on from, to end with the same numbers."""
        options = {key: value for key, value in vars(self).items() if key not in ("workers", "checkpoint_every")}
        start = {"model": model.arguments(), "initial_weights": weights_hash(model)}
        return {**options, "processes": processes, **start, "data": data[0].name}


class _LossModule(nn.Module):
    """The loss as a forward pass, which is what accelerate wraps."""

    def __init__(self, model: TryOnModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self.model.loss(batch)
