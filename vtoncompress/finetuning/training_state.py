"""What a training under way keeps on disk, so that one that was killed goes on to the same result."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from vtoncompress.finetuning.curve import Curve
from vtoncompress.model.base import Network


@dataclass
class TrainingState:
    """Everything that changes while a network is trained, and the file in which it outlives a kill.

    Attributes:
        path: of the file; its folder is made when it is first written.
        identity: what a run must share with the one that it goes on from, as JSON values.
        model, optimizer, scheduler: as they are used; saved and loaded in place.
        curve: how the terms of the loss fell.
        recent: the last values of each of them.
    """

    path: Path
    identity: Mapping[str, Any]
    model: Network
    optimizer: Optimizer
    scheduler: LRScheduler
    curve: Curve
    recent: dict[str, list[float]] = field(default_factory=dict)

    def save(self, step: int) -> None:
        """Write the state after ``step`` steps, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "identity": json.dumps(self.identity, sort_keys=True),
            "step": step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": {"last_epoch": self.scheduler.last_epoch},
            "recent": self.recent,
            "curve": self.curve.state(),
        }
        unfinished = self.path.with_suffix(".new")
        with unfinished.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave the new name on an empty file
        os.replace(unfinished, self.path)

    def load(self) -> int:
        """Restore what was saved; the steps done until then, 0 where there is no file.

        Raises:
            ValueError: the file is damaged, or of a run with another identity.
        """
        if not self.path.exists():
            return 0
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # torn bytes make the reader fail in a dozen ways
            raise ValueError(f"{self.path} is damaged: remove it, and training begins anew") from error
        self._check(json.loads(state["identity"]))
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.last_epoch = state["scheduler"]["last_epoch"]
        self.recent.update(state["recent"])
        self.curve.restore(state.get("curve", {}))  # older files have none
        return int(state["step"])

    def _check(self, saved: Mapping[str, Any]) -> None:
        own = json.loads(json.dumps(self.identity))
        # An option that is newer than the file had no part in what it holds.
        different = [
            f"{name}={value} instead of {own.get(name)}" for name, value in saved.items() if value != own.get(name)
        ]
        if different:
            raise ValueError(
                f"{self.path} is of a run with other settings ({', '.join(different)}): remove it or restore them"
            )


def weights_hash(model: nn.Module) -> str:
    """First 16 hex digits of the SHA-256 of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]
