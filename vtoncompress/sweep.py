"""The parent of a sweep: checks every variant, runs each in a child process, and ends with the table."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vtoncompress import fingerprint, profile_file, row
from vtoncompress.deployment import check_performance_of
from vtoncompress.failure import reason_of_death
from vtoncompress.finetuning.teacher_choice import DENSE, NO_DENSE
from vtoncompress.options import TARGET, built, check_budget, check_types, effective, used
from vtoncompress.outcome import failed, left, settled
from vtoncompress.pipeline import Plan, plan, work_threads
from vtoncompress.record import NAME, Record, read_all, write, write_text
from vtoncompress.report.origin import COMMAND
from vtoncompress.steps_check import check_steps
from vtoncompress.store import Store
from vtoncompress.sweep_time import where_time_went
from vtoncompress.tracking import choose_tracker, track
from vtoncompress.variant import LOGS, REQUEST, THREADS

GROUPS = ("data", "model", "scope", "criterion", "pruning", "finetuning", "quantization", "export")
BUILT = ("criterion", "pruning", "finetuning", "export", "data", "training_data")
# What a variant's name leaves out.
NAMING = ("name", "variant", "order", *row.RUN_OPTIONS)
RUN_ARGUMENTS = tuple(f"{option}=" for option in row.RUN_OPTIONS) + ("launcher.",)


def check(cfg: DictConfig | dict[str, Any]) -> None:
    """Refuse, before any work, a config that can't work, :func:`plain` or not. ValueError says what to change."""
    import torch

    from vtoncompress.stage.model import check_sources

    config = plain(cfg)
    _check_name(config["name"], config["variant"])
    check_types(config)
    if (criterion := effective(config)["criterion"]) is not None:
        built(criterion).check(built(config["training_data"]))
    check_budget(config)
    check_sources(config["model"])
    mode = built(used(config["quantization"]))
    runtime, runtimes = _runtime(config), mode.runtimes
    if runtime not in runtimes:
        choice = config["quantization"]["_target_"].split(".")[-2]
        raise ValueError(
            f"quantization={choice} can't run on {runtime}: it runs on {', '.join(sorted(runtimes))} (set export=...)"
        )
    for group in (*BUILT, "calibration", "trajectories"):
        built(config[group])
    with torch.device("meta"):  # no memory, no time: the arguments are what is checked
        network = built(config["model"]["network"])
    pruning = built(used(config["pruning"]))
    pruning.check(network, config["scope"]["modules"])
    pruning.check_data(built(config["training_data"]))
    if criterion is not None:
        built(criterion).check_model(network)
    built(config["finetuning"]).check(network)
    mode.check(network)
    check_steps(config, network)
    is_dense = used(config["pruning"]).keys() == {TARGET} and used(config["finetuning"]).get("teacher") == DENSE
    if is_dense and not built(config["finetuning"]).learns_from_equals:
        raise ValueError(NO_DENSE)
    if config["pruning"].get("recovery_samples") and not used(config["finetuning"]).get("samples"):
        raise ValueError("pruning.recovery_samples trains between steps: say how with finetuning=supervised")
    if config["on_failure"] not in ("continue", "stop"):
        raise ValueError(f"on_failure={config['on_failure']}: choose continue or stop")
    choose_tracker(config["tracker"])
    check_performance_of(config["export"]["_target_"].split(".")[-2], config["performance"])
    if config["threads"] is not None and not 1 <= config["threads"] <= (os.cpu_count() or 1):
        raise ValueError(f"threads={config['threads']}: use 1 to {os.cpu_count()}, or null for all")
    if not config.get("metric"):
        raise ValueError("metric=[] measures nothing: choose some, for example metric='[cost,size,speed]'")
    for metric in config["metric"].values():
        built({key: value for key, value in metric.items() if key != "kind"})
    for option in ("results", "store"):
        _check_folder(option, Path(config[option]))
    plan(config)


def note_unused(arguments: Sequence[str], configs: Sequence[Mapping[str, Any]]) -> None:
    """Say on stderr where the command gives pruning an option and no variant is pruned.

    Args:
        arguments: of the command.
        configs: of its variants, from :func:`complete`.
    """
    told = [match[1] for argument in arguments if (match := re.match(r"\+*pruning\.(\w+)", argument))]
    if told and all(config["choices"]["pruning"] == "none" for config in configs):
        print(f"pruning=none takes no {told[0]}: add pruning=one_shot", file=sys.stderr)


def complete(cfg: DictConfig | dict[str, Any], choices: Mapping[str, str], order: int) -> dict[str, Any]:
    """The resolved config with the names of its choices, the variant's name, and what identifies its pairs.

    Args:
        cfg: of a variant, as Hydra composed it, :func:`plain` or not.
        choices: config group -> name, as Hydra's ``runtime.choices``.
        order: place in the experiment.
    """
    resolved = plain(cfg)
    config = effective(resolved)
    config["choices"] = {group: choices[group] for group in GROUPS} | {"runtime": _runtime(config)}
    if "modules" in config["quantization"]:
        config["choices"]["quantization_scope"] = resolved["quantization"]["scope"]
    config["order"] = order
    if config["threads"] is None and (workers := config["launcher"]["workers"]) > 1:
        config["threads"] = max(1, (os.cpu_count() or 1) // workers)
    config["threads"] = work_threads(config)
    data = built(config["data"])
    config |= {"protocol": data.protocol, "pair_count": len(data), "pair_list_hash": data.pair_list_hash()}
    config |= {name: told for name in ("pairing", "left_out") if (told := getattr(data, name))}
    if config["variant"] is None:
        config["variant"] = _variant_name(config)
    return config


def run_variant(config: dict[str, Any]) -> Record:
    """Run the variant of a :func:`complete` config in a child process, unless it is known how that ends.

    It is where the store has all of it, or where it failed before with the same config, inputs and code and
    ``retry_failed`` is not set. One that was stopped is taken up again.

    Returns:
        The record, with ``total_seconds`` in its details.
    """
    begun = time.monotonic()
    stages = plan(config)
    record = _known(config, stages)
    if record is None:
        # Read here, once for all variants, and handed to their processes.
        for stage in stages.stages:
            fingerprint.module_hashes(stage.code)
        record = _run_child(config)
        finished = time.monotonic()
        track(record, Path(config["results"]) / config["name"], choose_tracker(config["tracker"]))
        record.details["tracker_seconds"] = time.monotonic() - finished
    record.details["total_seconds"] = time.monotonic() - begun
    return record


def _known(config: dict[str, Any], stages: Plan) -> Record | None:
    before = settled(config, stages)
    return None if before is None else known_end(config, stages, before)


def known_end(config: dict[str, Any], stages: Plan, before: Record) -> Record:
    """The record of a variant for which there is nothing to do, as it is written for the present config.

    Args:
        config: complete.
        stages: of it.
        before: its record of an earlier run.
    """
    if before.status == "failed":
        told = f"failed before ({before.reason}); retry_failed=true tries again"
        print(f"{config['variant']}: {told}", file=sys.stderr)
        for name in ("stage_seconds", "start_seconds", "waiting_seconds"):  # of that run, not of this one
            before.details.pop(name, None)
        return before
    record, folder = row.fill(row.describe(config), stages, Store(Path(config["store"]))), _folder(config)
    profile_file.move_out(record, folder)
    write(record, folder)
    print(f"{config['variant']}: finished before", file=sys.stderr)
    return record


def _folder(config: Mapping[str, Any]) -> Path:
    return Path(config["results"]) / config["name"]


def _run_child(config: dict[str, Any]) -> Record:
    print(f"{config['variant']}: running", file=sys.stderr)
    threads = dict.fromkeys(THREADS, str(config["threads"]))
    with tempfile.TemporaryDirectory() as name:
        request = Path(name)
        told = {
            "config": config, "requested": time.time(), "parsed": fingerprint.parsed(), "parent": os.getpid()
        }  # fmt: skip
        (request / REQUEST).write_text(json.dumps(told))
        command = [sys.executable, "-m", "vtoncompress.variant", name]
        code = _wait(subprocess.Popen(command, env={**os.environ, **threads}))
        return left(request, config["variant"]) or failed(config, reason_of_death(code))


def _wait(child: subprocess.Popen[bytes]) -> int:
    """The child's exit code. What stops this process stops the child first, which then writes its record."""
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGTERM)
        child.wait()
        raise


def finish(cfg: DictConfig, records: Sequence[Record], begun: float, prepared: float = 0.0) -> None:
    """Write the experiment's tables and pages, print the table, what failed, and where the time went.

    Args:
        cfg: of the sweep.
        records: of its variants.
        begun: ``time.monotonic()`` when the first config was looked at.
        prepared: seconds from then until the first variant was begun.

    Raises:
        ValueError: a variant of this run failed.
    """
    from vtoncompress.summary import summarise
    from vtoncompress.terminal import print_table

    folder = Path(cfg.results) / cfg.name
    write_text(folder / COMMAND, f"python experiments/run.py {shlex.join(sys.argv[1:])}\n")
    writing = time.monotonic()
    everything = write_results(folder)
    written = time.monotonic() - writing
    print_table(everything)
    for sentence in summarise(everything):
        print(sentence)
    print(f"tables, records and pictures: {folder}/table.md, records/, report.html")
    if (beside := folder / "published.md").is_file():
        print(f"beside the published tables: {beside}")
    print(where_time_went(records, time.monotonic() - begun, written, int(cfg.launcher.workers), prepared))
    failed = [record for record in records if record.status == "failed"]
    if not failed:
        return
    for record in failed:
        log = folder / LOGS / f"{record.variant}.log"
        print(f"{record.variant} failed: {record.reason} ({log})", file=sys.stderr)
    if len(failed) == len(records) == 1:
        raise ValueError(failed[0].reason)
    raise ValueError(f"{len(failed)} of {len(records)} variants failed, for the reasons above")


@contextmanager
def tables_if_stopped(cfg: DictConfig) -> Iterator[None]:
    """Where the work within is interrupted, the tables still show what is there."""
    try:
        yield
    except KeyboardInterrupt:
        write_results(Path(cfg.results) / cfg.name)
        raise


def write_results(folder: Path) -> list[Record]:
    """Write the tables, the report and what stands beside published tables, of all records of an experiment."""
    from vtoncompress.published.view import write_comparisons
    from vtoncompress.report.write import write_report
    from vtoncompress.table import write_tables

    records = read_all(folder)
    write_tables(records, folder)
    write_comparisons(records, folder)
    write_report(folder, records)
    return records


def sweep_name(arguments: Sequence[str]) -> str:
    """The folder of a run without ``experiment=``: the same command gives the same one, another never does."""
    told = sorted(argument for argument in arguments if not argument.startswith(("-", "hydra", *RUN_ARGUMENTS)))
    slug = re.sub(r"[^A-Za-z0-9.]+", "_", "+".join(told)).strip("_")[:80] or "defaults"
    return f"adhoc/{slug}-{hashlib.sha256(' '.join(told).encode()).hexdigest()[:6]}"


def plain(cfg: DictConfig | dict[str, Any]) -> dict[str, Any]:
    """Without Hydra's own part, resolved, and without an experiment's options of metrics that were not chosen.

    ValueError where a value is missing.
    """
    if not isinstance(cfg, DictConfig):
        return cfg
    ours = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    config = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    if chosen := config.get("metric"):
        config["metric"] = {name: metric for name, metric in chosen.items() if TARGET in metric}
    return {str(key): value for key, value in config.items()}


def _runtime(config: Mapping[str, Any]) -> str:
    return str(built(config["export"]).runtime)


def _variant_name(config: dict[str, Any]) -> str:
    """Choices in words, and a hash of the whole config, so that no two variants share a name."""
    choices = config["choices"]
    pruned = "dense" if choices["pruning"] == "none" else f"{choices['pruning']}_{config['pruning']['ratio']:g}"
    tuned = "" if choices["finetuning"] == "none" else f"-{choices['finetuning']}"
    number = "float32" if choices["quantization"] == "none" else choices["quantization"]
    content = {key: value for key, value in config.items() if key not in NAMING}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:6]
    return f"{config['model']['name']}-{pruned}{tuned}-{number}-{choices['runtime']}-{digest}"


def _check_name(name: str | None, variant: str | None) -> None:
    """ValueError unless both can name what is within the results folder."""
    for option, told in (("name", name), ("variant", variant)):
        if told is not None and not all(NAME.fullmatch(part) for part in str(told).split("/")):
            raise ValueError(f"{option}={told} can't name a folder of results: use letters, digits and . _ + = -")


def _check_folder(option: str, folder: Path) -> None:
    """ValueError unless something can be written there. Found out by doing it: root is never denied permission."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing):
            pass
    except OSError as error:
        raise ValueError(
            f"{option}={folder} can't be written ({error.strerror}): choose another with {option}=/some/folder"
        ) from error
