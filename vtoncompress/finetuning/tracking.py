"""Where the numbers of a training go while it runs: one of accelerate's trackers, or none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from accelerate.utils import LoggerType

TRACKERS = ("tensorboard", "mlflow", "wandb")
"""Each the name of its package."""
FOLDER = "tracking"
"""Beside the folder of the run's checkpoint; MLflow and Weights & Biases have places of their own."""


def check_tracker(tracker: str | None) -> None:
    """ValueError for one that is unknown or not installed."""
    if tracker is None:
        return
    if tracker not in TRACKERS:
        raise ValueError(f"tracker={tracker}: choose one of {', '.join(TRACKERS)}, or null")
    if LoggerType(tracker) not in get_available_trackers():
        raise ValueError(f"tracker={tracker} needs the package {tracker}: install it, or set tracker=null")


def start_tracker(accelerator: Accelerator, folder: Path, settings: Mapping[str, Any]) -> None:
    """Tell the tracker, if there is one, what the run is. It is named after the folder of its checkpoint."""
    plain = {
        key: value if isinstance(value, int | float | str) else json.dumps(value) for key, value in settings.items()
    }
    accelerator.init_trackers(folder.stem, plain)


def end_tracker(accelerator: Accelerator) -> None:
    """Write what it still holds. accelerate's own way of ending would take the process out of its group as well."""
    for tracker in accelerator.trackers:
        tracker.finish()
