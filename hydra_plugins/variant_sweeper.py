"""Hydra's grid, times a list of named variants; every config is checked before the first job starts.

In an experiment's config a grid that is not a rectangle lists its rows:

    hydra:
      mode: MULTIRUN
      sweeper:
        variants:
          dense: [quantization=none]
          dense_int8: [quantization=nncf_ptq]

A grid beside it, ``params: {training_data.seed: '2,3'}``, gives each row so many; a row that sets such an option itself
is one row, with that value.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from traceback import format_exception
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from vtoncompress import grid
from vtoncompress.config_repository import OnceReadRepository
from vtoncompress.dry_run import decide, print_plan
from vtoncompress.errors import explain
from vtoncompress.outcome import Ending, ended, failed, in_a_line, of_lost_job
from vtoncompress.retiming import forget_times
from vtoncompress.sweep import finish, known_end, records_if_stopped, tables_if_stopped
from vtoncompress.sweep_progress import SweepProgress
from vtoncompress.variant_check import check, note_unused
from vtoncompress.variant_config import complete, plain


@dataclass
class VariantSweeperConf:
    """``params``: override -> comma-separated choices, a grid; ``variants``: name -> overrides of one row.

    A row that overrides an option of ``params`` keeps its own.
    """

    _target_: str = "hydra_plugins.variant_sweeper.VariantSweeper"
    params: dict[str, str] = field(default_factory=dict)
    variants: dict[str, list[str]] = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="variants", node=VariantSweeperConf, provider="vtoncompress")


class VariantSweeper(Sweeper):
    """Runs the product of the command line's grid, ``params`` and ``variants``."""

    def __init__(self, params: Mapping[str, str], variants: Mapping[str, Sequence[str]]) -> None:
        self.params, self.variants = params, variants
        self.config: DictConfig
        self.hydra_context: HydraContext
        self.launcher: Launcher

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context = config, hydra_context
        loader = hydra_context.config_loader
        assert isinstance(loader, ConfigLoaderImpl)
        loader.repository = OnceReadRepository(loader.config_search_path)
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Check every job, run them all, print the table; with ``dry_run=true`` print the plan instead.

        Raises:
            ValueError: a config can't work (nothing was run), or a variant failed.
        """
        if "search" in self.config:
            raise ValueError("experiment= says nothing to a search: leave it out, and -m too")
        if self.config.name is None:
            raise ValueError("a sweep has one name and one experiment: run several experiments one after the other")
        begun = time.monotonic()
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        jobs = grid.jobs(parser, self.params, self.variants, arguments)
        jobs, configs = _distinct(jobs, [self._checked(n, overrides, len(jobs)) for n, overrides in enumerate(jobs)])
        note_unused(arguments, configs)
        if self.config.dry_run:
            print_plan(configs)
            return []
        if self.config.retry_disturbed:
            forget_times(configs)
        decision = decide(configs)
        # Without the launcher, which would compose every config once more to find the same.
        endings = [Ending.of(known_end(one, *decision.ends[one["variant"]])) for one in configs if decision.ends]
        if endings:
            finish(self.config, endings, begun)
            return endings
        prepared = time.monotonic() - begun
        progress = SweepProgress(configs, decision)
        goes_on = self.config.launcher.outlives_sweep
        records: AbstractContextManager[None] = nullcontext() if goes_on else records_if_stopped(progress)
        with tables_if_stopped(self.config), records, progress:
            for begin in range(0, len(jobs), step := self._jobs_at_once(len(jobs))):
                endings += self._launched(jobs[begin : begin + step], configs[begin : begin + step], begin)
                if self.config.on_failure == "stop" and any(ending.status == "failed" for ending in endings):
                    print(f"on_failure=stop: {len(jobs) - len(endings)} variants were not run", file=sys.stderr)
                    break
        finish(self.config, endings, begun, prepared)
        return endings

    def _launched(self, jobs: list[list[str]], configs: list[dict[str, Any]], first: int) -> list[Ending]:
        """How every job ended: as it returned or, where the process that ran it died, as what it left tells.

        A launcher gives all its jobs up for one whose process died. They are launched again for as long as that brings
        more of them to an end: finished ones are found, and what another process still works on is waited for. Then
        what is left is launched one by one, so that a job that always dies ends no other.
        """
        begun, before = time.time(), -1
        while True:
            try:
                returned = self.launcher.launch(jobs, initial_job_idx=first)
            except ValueError:  # a mistake of the user's, in a line
                raise
            except Exception as error:
                over = sum(ended(config, begun) is not None for config in configs)
                # Jobs that the launcher can't call back go on: all of them once more would be queued beside them.
                if over in (before, len(jobs)) or len(jobs) == 1 or self.config.launcher.outlives_sweep:
                    return [
                        self._launched_alone(job, config, first + place, begun, error)
                        for place, (job, config) in enumerate(zip(jobs, configs, strict=True))
                    ]
                before = over
                print(f"a job gave no result ({in_a_line(error)}): launching again what has none", file=sys.stderr)
            else:
                return [_returned(job, config, begun) for job, config in zip(returned, configs, strict=True)]

    def _launched_alone(
        self, job: list[str], config: dict[str, Any], number: int, begun: float, lost: Exception
    ) -> Ending:
        """How one of the jobs ended that were ``lost`` together; it is launched where it has not."""
        if ended(config, begun) is not None:
            return Ending.of(of_lost_job(config, lost, begun))
        print(f"a job gave no result ({in_a_line(lost)}): launching {config['variant']} again", file=sys.stderr)
        again = time.time()
        try:
            (returned,) = self.launcher.launch([job], initial_job_idx=number)
        except ValueError:
            raise
        except Exception as error:
            return Ending.of(of_lost_job(config, error, again))
        return _returned(returned, config, again)

    def _checked(self, number: int, overrides: list[str], jobs: int) -> dict[str, Any]:
        """The complete config of a job. ValueError, saying which job it is, where it can't work."""
        cfg = self.hydra_context.config_loader.load_sweep_config(self.config, [*overrides])
        OmegaConf.set_struct(cfg, True)
        try:
            check(config := plain(cfg))
            return complete(config, cfg.hydra.runtime.choices, number)
        except Exception as error:
            if (line := explain(error)) is None:
                raise
            raise ValueError(f"{line} (job {number + 1} of {jobs}: {' '.join(overrides)})") from error

    def _jobs_at_once(self, jobs: int) -> int:
        """All, unless a failure must keep the next ones from starting, or the launcher would start them all at once.

        Nor where they run one after the other anyway: Hydra keeps the configs of all that were launched together.
        """
        launcher = self.config.launcher
        as_many_as_there_are = self.config.on_failure == "continue" and launcher.workers > 1 and launcher.queues
        return jobs if as_many_as_there_are else int(launcher.workers)


def _returned(job: JobReturn, config: dict[str, Any], begun: float) -> Ending:
    try:
        ending: Ending = job.return_value
    except ValueError as error:  # not of the config, which was checked: of the files and libraries where the job ran
        return Ending.of(failed(config, explain(error) or str(error), "".join(format_exception(error))))
    except Exception as error:
        return Ending.of(of_lost_job(config, error, begun))
    return ending


def _distinct(jobs: list[list[str]], configs: list[dict[str, Any]]) -> tuple[list[list[str]], list[dict[str, Any]]]:
    """Without the jobs that differ from an earlier one in options only that neither uses.

    Raises:
        ValueError: two variants that differ have one name.
    """
    kept: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for overrides, config in zip(jobs, configs, strict=True):
        _, other = kept.setdefault(config["variant"], (overrides, config))
        if {**config, "order": 0} != {**other, "order": 0}:
            name = config["variant"]
            raise ValueError(f"two variants of this sweep are called {name}: leave variant=... out, or make it differ")
    return [overrides for overrides, _ in kept.values()], [config for _, config in kept.values()]
