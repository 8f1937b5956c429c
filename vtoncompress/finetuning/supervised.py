"""Supervised training on generated pairs: from scratch, or to bring back what compression took."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vtoncompress.data.base import TryOnData
from vtoncompress.finetuning.base import Finetuning
from vtoncompress.finetuning.batch_norm import reestimate
from vtoncompress.finetuning.pairs import TrainingPairs
from vtoncompress.finetuning.progress import Progress
from vtoncompress.model.base import TryOnModel

Recent = dict[str, list[float]]  # the last values of each term of the loss


class Supervised(Finetuning):
    """Minimises the model's own loss on pairs with a known truth.

    Args:
        samples: training budget in pairs, a new pair each time.
        batch_size: pairs a step.
        learning_rate: AdamW's peak rate, after ``warmup`` steps; it then falls to zero along a cosine.
        warmup: steps.
        clip: largest norm of the gradient.
        mixed_precision: accelerate's ``no`` or ``bf16``.
        workers: processes that draw pairs; 0 draws them between steps.
        checkpoint_every: steps between checkpoints.
        batch_norm_pairs: pairs over which batch-norm statistics are averaged at the end; 0 keeps the moving averages.
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
    ) -> None:
        if samples < batch_size or batch_size < 2:
            raise ValueError(
                f"finetuning.samples={samples} with finetuning.batch_size={batch_size}: a batch needs 2 pairs or more "
                "(batch norm) and the budget at least one batch"
            )
        self.samples, self.batch_size = samples, batch_size
        self.learning_rate, self.warmup, self.clip = learning_rate, warmup, clip
        self.mixed_precision, self.workers, self.checkpoint_every = mixed_precision, workers, checkpoint_every
        self.batch_norm_pairs = batch_norm_pairs

    def train(self, model: TryOnModel, data: TryOnData, folder: Path) -> dict[str, Any]:
        """Train ``model`` in place on the first ``samples`` pairs of ``data``.

        ``folder`` keeps the checkpoint from which a killed run goes on to the same result.

        Returns:
            What a record should know: steps, final loss terms (means over the last tenth), seconds are not among them.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        accelerator = Accelerator(mixed_precision=self.mixed_precision, cpu=not torch.cuda.is_available())
        steps = self.samples // self.batch_size
        step_module = _LossModule(model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=self.learning_rate, weight_decay=1e-4)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._schedule(steps))
        identity = self._identity(model, data)
        recent: Recent = {}
        start = self._resume(folder, identity, model, optimizer, scheduler, recent)
        loader = DataLoader(
            TrainingPairs(data, start * self.batch_size, steps * self.batch_size),
            self.batch_size,
            num_workers=self.workers,
            drop_last=True,
        )
        step_module, optimizer, loader = accelerator.prepare(step_module, optimizer, loader)
        step_module.train()
        with Progress("training", steps, start) as progress:
            for step, batch in zip(range(start, steps), loader, strict=True):
                terms = step_module(batch)
                loss = torch.stack(list(terms.values())).sum()
                if not torch.isfinite(loss):
                    raise FloatingPointError(f"the training loss is {loss.item()} at step {step} of {steps}")
                optimizer.zero_grad()
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(model.parameters(), self.clip)
                optimizer.step()
                scheduler.step()
                for name, value in terms.items():
                    recent.setdefault(name, []).append(value.item())
                    recent[name] = recent[name][-max(1, steps // 10) :]
                progress.step({name: float(np.mean(values[-50:])) for name, values in recent.items()})
                if (step + 1) % self.checkpoint_every == 0 and step + 1 < steps:
                    self._save(folder, identity, model, optimizer, scheduler, recent, step + 1)
        reestimate(model, data, self.batch_norm_pairs)
        model.eval()
        return {"steps": steps, **{f"loss_{name}": float(np.mean(values)) for name, values in recent.items()}}

    def _schedule(self, steps: int) -> Any:
        def factor(step: int) -> float:
            return min(1.0, (step + 1) / self.warmup) * (0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1)))

        return factor

    def _identity(self, model: TryOnModel, data: TryOnData) -> str:
        """What a run must share with the one whose checkpoint it goes on from."""
        options = {key: value for key, value in vars(self).items() if key not in ("workers", "checkpoint_every")}
        return json.dumps({**options, "model": model.arguments(), "data": data[0].name}, sort_keys=True)

    def _save(
        self, folder: Path, identity: str, model: nn.Module, optimizer: Any, scheduler: Any, recent: Recent, step: int
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        state = {
            "identity": identity,
            "step": step,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": {"last_epoch": scheduler.last_epoch},
            "recent": recent,
        }
        torch.save(state, folder / "training.new")
        os.replace(folder / "training.new", folder / "training.pt")

    def _resume(
        self, folder: Path, identity: str, model: nn.Module, optimizer: Any, scheduler: Any, recent: Recent
    ) -> int:
        path = folder / "training.pt"
        if not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
        if state["identity"] != identity:
            raise ValueError(f"{path} is of a run with other settings ({state['identity']}): remove it or restore them")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.last_epoch = state["scheduler"]["last_epoch"]
        recent.update(state.get("recent", {}))
        return int(state["step"])


class _LossModule(nn.Module):
    """The loss as a forward pass, which is what accelerate wraps."""

    def __init__(self, model: TryOnModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self.model.loss(batch)
