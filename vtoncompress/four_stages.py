"""PF-AFN's four training stages in a row, one folder each, so that a run goes on wherever it was stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from accelerate import PartialState
from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.data.viton_layout import write_layout
from vtoncompress.data.viton_training import VitonTraining
from vtoncompress.finetuning.processes import join_group
from vtoncompress.finetuning.training_state import weights_hash
from vtoncompress.model.base import Network
from vtoncompress.model.pf_afn.parser_based import ParserBased
from vtoncompress.options import check_types
from vtoncompress.progress import Progress
from vtoncompress.stage.seed import set_seed
from vtoncompress.trained import SUMMARY, Clock, write_trained
from vtoncompress.training_stage.base import TrainingStage, open_network

TEACHER = "parser_based"
STAGES = ("parser_based_warp", TEACHER, "parser_free_warp", "parser_free")
Config = Mapping[str, Any]


def train_stages(cfg: Config) -> Path:
    """Train all stages of ``cfg``, a config of ``conf/train_stages.yaml``; the folder of the student's checkpoint.

    A stage whose folder has a checkpoint is not trained again; one that was stopped goes on from its last checkpoint in
    ``OUT/<stage>.work``. Where a launcher started several processes all of them train and the main one writes.

    Raises:
        ValueError: an option out of range, data that can't be read, a checkpoint that is none, or a finished stage that
            was trained with other settings.
        FloatingPointError: the loss is not finite.
        ChildProcessError: one of several processes was killed.
    """
    check_types(cfg)
    out = Path(cfg["out"])
    stages = {name: _build(cfg["stages"][name], name) for name in _names(cfg)}
    group = join_group()
    data = _open_data(cfg, out, group)
    for name, stage in stages.items():
        _train(name, stage, cfg, data, out / name, group)
        group.wait_for_everyone()
    group.destroy_process_group()
    return out / STAGES[-1]


def _names(cfg: Config) -> tuple[str, ...]:
    """The teacher's stages only where it is not one from elsewhere."""
    own = Path(cfg["teacher"]).resolve() == (Path(cfg["out"]) / TEACHER).resolve()
    return STAGES if own else STAGES[2:]


def _build(options: Config, name: str) -> TrainingStage:
    try:
        stage: TrainingStage = instantiate({**options, "_convert_": "all"})
    except Exception as error:
        cause = error.__cause__
        if isinstance(cause, ValueError):  # written for finetuning, whose options these are
            raise ValueError(str(cause).replace("finetuning.", f"stages.{name}.")) from error
        raise
    return stage


def _open_data(cfg: Config, out: Path, group: PartialState) -> VitonTraining:
    root = cfg["root"]
    if root is None:
        generated, root = instantiate(cfg["generated"]), str(out / "data")
        with (
            group.main_process_first(),
            Progress("writing", len(generated), shown=group.is_main_process) as progress,
        ):
            write_layout(generated, Path(root), progress.step)
    data: VitonTraining = instantiate({**cfg["data"], "root": root})
    return data


def _train(
    name: str, stage: TrainingStage, cfg: Config, data: VitonTraining, folder: Path, group: PartialState
) -> None:
    set_seed(cfg["seed"])
    network = {key: value for key, value in cfg["model"]["network"].items() if key != "_target_"}
    model, teacher = stage.begin(**network), _open_teacher(stage, network)
    identity = {
        "stage": name,
        "options": _lasting(cfg["stages"][name]),
        "model": model.arguments(),
        "data": data.description(),
        "seed": cfg["seed"],
        "start": None if stage.start is None else weights_hash(model),
        "teacher": None if teacher is None else weights_hash(teacher),
    }
    if (folder / checkpoint.STRUCTURE).exists():
        _check_same(folder, identity)
        group.print(f"{name}: trained already")
        return
    work = folder.with_name(f"{name}.work")
    work.mkdir(parents=True, exist_ok=True)
    group.print(f"{name}:")
    with Clock(work / "seconds") if group.is_main_process else nullcontext() as clock:
        summary = stage.train(model, data, work, teacher)
    if clock is not None:
        write_trained(model, folder, work, {**identity, "seconds": round(clock.total), **summary})


def _open_teacher(stage: TrainingStage, network: Config) -> ParserBased | None:
    if stage.teacher is None:
        return None
    teacher: Network = open_network(stage.teacher, ParserBased(**network))
    assert isinstance(teacher, ParserBased)
    return teacher


# What decides where and how fast a stage is trained, not what comes out.
PASSING = ("_target_", "start", "teacher", "workers", "checkpoint_every", "tracker")


def _lasting(options: Config) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in PASSING}


def _check_same(folder: Path, identity: Mapping[str, Any]) -> None:
    """ValueError where the stage in ``folder`` was trained in another way than it would be now."""
    try:
        found = json.loads((folder / SUMMARY).read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} has no {SUMMARY} that says how it was trained: remove the folder") from error
    wanted = json.loads(json.dumps(identity))
    different = [f"{path}={a} instead of {b}" for path, a, b in _differences(found, wanted, "")]
    if different:
        raise ValueError(
            f"{folder} was trained with other settings ({', '.join(different)}): remove it, restore them, or name "
            "another out=FOLDER"
        )


def _differences(found: Any, wanted: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key, value in wanted.items():
            yield from _differences(found.get(key), value, f"{path}.{key}" if path else str(key))
    elif found != wanted:
        yield path, found, wanted
