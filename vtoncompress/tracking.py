"""What a sweep tells a tracker: a run a variant, grouped by the experiment, with its record and pictures.

Through accelerate's trackers. None is needed, and one that fails costs a line and no result.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vtoncompress.picture_grid import grid_path
from vtoncompress.record import FOLDER as RECORDS
from vtoncompress.record import Record

AUTO, TRACKERS = "auto", ("tensorboard", "mlflow", "wandb")
FOLDER = "tracking"
"""Of TensorBoard's files in the results folder; MLflow and Weights & Biases have places of their own."""
LONGEST = 250
"""Characters of a setting: MLflow takes no longer ones."""


def choose_tracker(choice: str | None) -> str | None:
    """The tracker to use; ``auto`` is TensorBoard where it is installed. ValueError for an unknown or missing one."""
    if choice == AUTO:
        return "tensorboard" if _installed("tensorboard") else None
    if choice is not None and choice not in TRACKERS:
        raise ValueError(f"tracker={choice}: choose auto, null, {', '.join(TRACKERS)}")
    if choice is not None and not _installed(choice):
        raise ValueError(f"tracker={choice} needs the package {choice}: install it, or set tracker=null")
    return choice


def track(record: Record, folder: Path, tracker: str | None) -> None:
    """Tell the tracker of a finished variant whose files lie in the results folder."""
    if tracker is None:
        return
    try:
        _track(record, folder, tracker)
    except Exception as error:  # whatever a service or a library of others thinks of
        print(f"{record.variant}: {tracker} was not told ({type(error).__name__}: {error})", file=sys.stderr)


def _track(record: Record, folder: Path, tracker: str) -> None:
    from accelerate import PartialState
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    PartialState()  # without which accelerate's trackers do not know that they are the main process
    options: dict[str, dict[str, Any]] = {
        "tensorboard": {"run_name": record.variant, "logging_dir": folder / FOLDER},
        "mlflow": {"experiment_name": folder.name, "run_name": record.variant},
        "wandb": {"run_name": "vtoncompress", "group": folder.name, "name": record.variant},
    }
    told = LOGGER_TYPE_TO_CLASS[tracker](**options[tracker])
    told.start()
    try:
        ending = {"status": record.status} | ({"reason": record.reason[:LONGEST]} if record.reason else {})
        settings = {"experiment": folder.name, **ending, **dict(_flat(record.trust.get("config", {})))}
        told.store_init_configuration(settings)
        told.log(record.values, step=0)
        _link(told, record, folder, tracker)
    finally:  # a run left open would be in the way of the next variant's
        told.finish()


def _link(told: Any, record: Record, folder: Path, tracker: str) -> None:
    """The record and the pictures, in the tracker's own way."""
    files = [
        path
        for path in (folder / RECORDS / f"{record.variant}.json", grid_path(folder, record.variant))
        if path.is_file()
    ]
    match tracker:
        case "tensorboard":
            told.tracker.add_text("files", "\n".join(f"- {path.relative_to(folder)}" for path in files))
            for path in files:
                if path.suffix == ".png":
                    told.tracker.add_image("pictures", _pixels(path), dataformats="HWC")
        case "mlflow":
            for path in files:
                told.log_artifact(str(path))
        case "wandb":
            for path in files:
                told.tracker.save(str(path), base_path=str(folder))


def _pixels(path: Path) -> Any:
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str | int | float]]:
    """Dotted name -> setting, as short as trackers want it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield (
            path,
            value
            if isinstance(value, int | float)
            else str(value if isinstance(value, str) else json.dumps(value))[:LONGEST],
        )


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
