"""A search from its config to its result: checks, workers, tables."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vtoncompress.record import write_text
from vtoncompress.report import origin
from vtoncompress.retiming import forget_times
from vtoncompress.search.comparison import compare, describe, read_variants, write_comparison
from vtoncompress.search.final import final_configs, final_rows, lost_rows
from vtoncompress.search.found import Found, found_rows
from vtoncompress.search.result import PARETO, beyond_what_was_given, count_trials, unmeasured, write_result
from vtoncompress.search.row import check_rows
from vtoncompress.search.settings import Settings
from vtoncompress.search.study import Study
from vtoncompress.search.worker import MODULE, work
from vtoncompress.sweep import tables_if_stopped, write_results
from vtoncompress.terminal import print_table

OWN = ("search", "workers", "compare", "name", "results", "store", "hydra")
COMMAND = (sys.executable, "-m", MODULE)


def search(cfg: DictConfig, arguments: Sequence[str], conf: Path) -> None:
    """Run, or go on with, the search that ``cfg`` describes, and print its Pareto set.

    Args:
        cfg: of ``conf/search.yaml``.
        arguments: of the command line; those that are not the search's own hold for every row.
        conf: folder of the configs.

    Raises:
        ValueError: something can't work (nothing was run), or the search could not go on.
    """
    settings = _settings(cfg, arguments, conf)
    others = None if cfg.compare is None else read_variants(Path(cfg.results) / cfg.compare)
    check_rows(settings)
    study = Study(settings)
    if cfg.retry_failed:
        study.put_back_failed()
    if cfg.retry_disturbed:
        forget_times(final_configs(settings, study))
    with tables_if_stopped(cfg):
        if cfg.workers > 1:
            _start(settings, cfg.workers)
        work(settings)  # also takes over from a worker that was killed
    rows = final_rows(settings, study)
    best = write_result(settings, study)
    for folder in dict.fromkeys((settings.trials_folder, settings.folder)):
        write_text(folder / origin.COMMAND, f"python experiments/search.py {shlex.join(arguments)}\n")
        records = write_results(folder)
    print_table(records)
    _print(settings, study, best)
    if others is not None:
        sides = compare(settings, [row.record for row in rows], others, rows[0].record)
        write_comparison(sides, cfg.compare, settings.folder)
        print(describe(sides, cfg.compare))


def _settings(cfg: DictConfig, arguments: Sequence[str], conf: Path) -> Settings:
    keys = {argument: re.split(r"[=./@]", argument.lstrip("+~"))[0] for argument in arguments}
    for key in ("experiment", "variant", "dry_run"):
        if key in keys.values():
            raise ValueError(f"{key}= says nothing to a search: leave it out")
    cores = os.cpu_count() or 1
    if not isinstance(cfg.workers, int) or not 1 <= cfg.workers <= cores:
        raise ValueError(f"workers={cfg.workers}: use 1 to {cores}, the processor's threads")
    given = [argument for argument, key in keys.items() if key not in OWN]
    if cfg.workers > 1 and "threads" not in keys.values():
        given.append(f"threads={cores // cfg.workers}")
    plain: Any = OmegaConf.to_container(cfg.search, resolve=True, throw_on_missing=True)
    source = {
        "search": plain,
        "conf": str(conf),
        **{option: str(cfg[option]) for option in ("results", "store", "name")},
        "arguments": given,
    }
    return Settings.parse(source)


def _start(settings: Settings, workers: int) -> None:
    """Run the workers to their end. ValueError where one says that something is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "settings.json"
        request.write_text(json.dumps(settings.source))
        children = [subprocess.Popen([*COMMAND, str(request)]) for _ in range(workers)]
        try:
            codes = [child.wait() for child in children]
        except BaseException:  # Ctrl-C and SIGTERM: they stop their rows first
            for child in children:
                child.send_signal(signal.SIGTERM)
            for child in children:
                child.wait()
            raise
    if any(code > 0 for code in codes):
        raise ValueError("a worker ended for the reason above")


def _print(settings: Settings, study: Study, best: Sequence[Found]) -> None:
    counts = ", ".join(f"{number} {end}" for end, number in count_trials(study).items())
    print(f"{len(study.trials())} trials: {counts}")
    for row in unmeasured(study):
        print(f"trial {row['trial']} {row['end']}: {row['reason']}")
    for variant, reason in lost_rows(settings, study).items():
        print(f"{variant} was chosen and has no final row: {reason}")
    print(f"{len(best)} recipes that no other row beats ({settings.folder}/{PARETO}.md):")
    for found in best:
        figures = ", ".join(f"{name} {found.record.values[name]:.4g}" for name in settings.objectives)
        print(f"  {found.record.variant}: {figures}")
    if (both := beyond_what_was_given(settings, found_rows(settings, study))) is not None:
        volumes = [both[name]["hypervolume"] for name in ("search", "given")]
        print(f"Hypervolume of all rows {volumes[0]:.3f}, of those that the search was given {volumes[1]:.3f}.")
    print(f"run one again: python experiments/run.py --config-dir {settings.folder} +recipes=NAME")
