"""Hydra's grid, times a list of named variants; every config is checked before the first job starts.

In an experiment's config a grid that is not a rectangle lists its rows:

    hydra:
      mode: MULTIRUN
      sweeper:
        variants:
          dense: [quantization=none]
          dense_int8: [quantization=nncf_ptq]
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from vtoncompress.sweep import check, finish


@dataclass
class VariantSweeperConf:
    """``params``: override -> comma-separated choices, a grid; ``variants``: name -> overrides of one row."""

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
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Check every job, run them all, print the table.

        Raises:
            ValueError: a config can't work (nothing was run), or a variant failed (all were run).
        """
        jobs = self._jobs(arguments)
        for number, overrides in enumerate(jobs):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, [*overrides])
            OmegaConf.set_struct(config, True)
            try:
                check(config)
            except ValueError as error:
                raise ValueError(f"{error} (job {number + 1} of {len(jobs)}: {' '.join(overrides)})") from error
        returned = self.launcher.launch(jobs, initial_job_idx=0)
        finish(self.config, [job.return_value for job in returned])
        return returned

    def _jobs(self, arguments: list[str]) -> list[list[str]]:
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        given = {override.get_key_element() for override in parser.parse_overrides(arguments)}
        grid = [f"{key}={choices}" for key, choices in self.params.items() if key not in given]
        axes: list[list[list[str]]] = [
            [[f"{override.get_key_element()}={choice}"] for choice in override.sweep_string_iterator()]
            if override.is_sweep_override()
            else [[f"{override.get_key_element()}={override.get_value_element_as_str()}"]]
            for override in parser.parse_overrides([*grid, *arguments])
        ]
        rows = [[f"variant={name}", *overrides] for name, overrides in self.variants.items()]
        product = itertools.product(*([rows] if rows else []), *axes)
        return [[override for part in parts for override in part] for parts in product]
