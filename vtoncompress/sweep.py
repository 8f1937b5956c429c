"""The parent of a sweep: checks every variant, runs each in a child process, and ends with the table."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from vtoncompress import row
from vtoncompress.pipeline import plan
from vtoncompress.record import Record, read, read_all, write
from vtoncompress.store import Store

GROUPS = ("data", "model", "scope", "criterion", "pruning", "finetuning", "quantization", "export")
# What a variant's name leaves out: where things are kept changes no number.
PLACES = ("name", "variant", "results", "store", "order")


def check(cfg: DictConfig) -> None:
    """Refuse, before any work, a config that can't work. ValueError says what to change."""
    import torch

    runtime, runtimes = _runtime(cfg), _class(cfg.quantization).runtimes
    if runtime not in runtimes:
        choice = str(cfg.quantization._target_).rpartition(".")[2]
        raise ValueError(f"{choice} can't run on {runtime}: it runs on {', '.join(sorted(runtimes))} (set export=...)")
    for group in ("criterion", "pruning", "finetuning", "quantization", "export", "data", "training_data"):
        instantiate(cfg[group])
    with torch.device("meta"):  # no memory, no time: the arguments are what is checked
        instantiate(cfg.model.network)
    if not cfg.get("metric"):
        raise ValueError("metric=[] measures nothing: choose some, for example metric='[cost,size,speed]'")
    for metric in cfg.metric.values():
        instantiate({key: value for key, value in metric.items() if key != "kind"})
    for option in ("results", "store"):
        _check_folder(option, Path(cfg[option]))
    plan(_plain(cfg))


def complete(cfg: DictConfig, choices: Mapping[str, str], order: int) -> dict[str, Any]:
    """The resolved config with the names of its choices, the variant's name, and what identifies its pairs.

    Args:
        cfg: of a variant, as Hydra composed it.
        choices: config group -> name, as Hydra's ``runtime.choices``.
        order: place in the experiment.
    """
    config = _plain(cfg)
    config["choices"] = {group: choices[group] for group in GROUPS} | {"runtime": _runtime(cfg)}
    config["order"] = order
    data = instantiate(config["data"])
    config |= {"protocol": data.protocol, "pair_count": len(data), "pair_list_hash": data.pair_list_hash()}
    if config["variant"] is None:
        config["variant"] = _variant_name(config)
    return config


def run_variant(config: dict[str, Any]) -> Record:
    """Run the variant of a :func:`complete` config in a child process, unless the store has all of it; its record."""
    store = Store(Path(config["store"]))
    stages = plan(config)
    folder = Path(config["results"]) / config["name"]
    path = folder / "records" / f"{config['variant']}.json"
    if row.finished(stages, store) and _is_done(path):
        record = row.fill(row.describe(config), stages, store)
        write(record, folder)
        print(f"{config['variant']}: finished before", file=sys.stderr)
        return record
    print(f"{config['variant']}: running", file=sys.stderr)
    path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        request = Path(temporary) / "config.json"
        request.write_text(json.dumps(config))
        code = _wait(subprocess.Popen([sys.executable, "-m", "vtoncompress.variant", str(request)]))
    if not path.exists():
        record = row.describe(config)
        record.status, record.reason = "failed", _death(code)
        write(record, folder)
    return read(path)


def finish(cfg: DictConfig, records: Sequence[Record]) -> None:
    """Write the experiment's tables and pages and print the table. ValueError where a variant of this run failed."""
    from vtoncompress.page import write_page
    from vtoncompress.summary import summarise
    from vtoncompress.table import print_table, write_tables

    folder = Path(cfg.results) / cfg.name
    everything = read_all(folder)
    write_tables(everything, folder)
    write_page(folder, everything)
    print_table(everything)
    for sentence in summarise(everything):
        print(sentence)
    print(f"tables, records and pictures: {folder}/table.md, records/, pictures.html")
    failed = [record for record in records if record.status == "failed"]
    if len(failed) == 1 and len(records) == 1:
        raise ValueError(failed[0].reason)
    if failed:
        reasons = "; ".join(f"{record.variant}: {record.reason}" for record in failed)
        raise ValueError(f"{len(failed)} of {len(records)} variants failed: {reasons}")


def sweep_name(arguments: Sequence[str]) -> str:
    """The folder of a run without ``experiment=``: the same command gives the same one, another never does."""
    told = sorted(argument for argument in arguments if not argument.startswith(("-", "results=", "store=")))
    slug = re.sub(r"[^A-Za-z0-9.]+", "_", "+".join(told)).strip("_")[:80] or "defaults"
    return f"adhoc/{slug}-{hashlib.sha256(' '.join(told).encode()).hexdigest()[:6]}"


def _plain(cfg: DictConfig) -> dict[str, Any]:
    ours = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    config = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def _class(choice: DictConfig) -> Any:
    return get_class(choice._target_)


def _runtime(cfg: DictConfig) -> str:
    return str(_class(cfg.export).runtime)


def _variant_name(config: dict[str, Any]) -> str:
    """Choices in words, and a hash of the whole config, so that no two variants share a name."""
    choices = config["choices"]
    pruned = "dense" if choices["pruning"] == "none" else f"{choices['pruning']}_{config['pruning']['ratio']:g}"
    tuned = "" if choices["finetuning"] == "none" else f"-{choices['finetuning']}"
    number = "float32" if choices["quantization"] == "none" else choices["quantization"]
    content = {key: value for key, value in config.items() if key not in PLACES}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:6]
    return f"{config['model']['name']}-{pruned}{tuned}-{number}-{choices['runtime']}-{digest}"


def _is_done(path: Path) -> bool:
    try:
        return read(path).status == "done"
    except (ValueError, OSError):
        return False


def _wait(child: subprocess.Popen[bytes]) -> int:
    """The child's exit code. An interruption reaches the child too, and ends this process after it."""
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGTERM)
        child.wait()
        raise


def _death(code: int) -> str:
    if code == -signal.SIGKILL:
        return "the process was killed (signal 9), most likely by the kernel for want of memory: use fewer workers"
    return f"the process ended with {f'signal {-code}' if code < 0 else f'code {code}'} before it wrote its record"


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
