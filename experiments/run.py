"""Run one variant, or with ``-m`` or an experiment a sweep of them, and print the table.

python experiments/run.py [-m] [experiment=NAME] [group=choice] [key=value]
"""

import os
import re
import sys
import time

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from vtoncompress.dry_run import print_plan
from vtoncompress.errors import run_main
from vtoncompress.outcome import Ending
from vtoncompress.retiming import forget_times
from vtoncompress.sweep import finish, run_variant, tables_if_stopped
from vtoncompress.variant_check import check, note_unused
from vtoncompress.variant_config import complete, sweep_name


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(cfg: DictConfig) -> Ending | None:
    """One job: of a sweep, or alone with a table of its own."""
    hydra_config = HydraConfig.get()
    choices = hydra_config.runtime.choices
    os.chdir(hydra_config.runtime.cwd)  # a job of a launcher may begin elsewhere
    if hydra_config.mode == RunMode.MULTIRUN:
        return Ending.of(run_variant(complete(cfg, choices, hydra_config.job.num)))
    begun = time.monotonic()
    check(cfg)
    config = complete(cfg, choices, 0)
    note_unused(hydra_config.overrides.task, [config])
    if cfg.dry_run:
        print_plan([config])
        return None
    if cfg.retry_disturbed:
        forget_times([config])
    with tables_if_stopped(cfg):
        ending = Ending.of(run_variant(config))
    finish(cfg, [ending], begun)
    return ending


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if not any(argument.startswith(("experiment=", "name=")) for argument in arguments):
        # Beside the other options: the parser wants them all in one place.
        place = next((n for n, one in enumerate(sys.argv) if n and re.match(r"[+~]*\w[\w./@]*=", one)), len(sys.argv))
        sys.argv.insert(place, f"name={sweep_name(arguments)}")
    sys.exit(run_main(main))
