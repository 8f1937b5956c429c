"""How fast the correlation is, form by form: ``python experiments/benchmark_correlation.py [key=value]``."""

import sys
from typing import Any, cast

import hydra
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="benchmark_correlation")
def main(cfg: DictConfig) -> None:
    """Measure, write and print the table."""
    config = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    from vtoncompress import terminal
    from vtoncompress.benchmark.command import benchmark

    terminal.print_tables([benchmark(config)])


if __name__ == "__main__":
    sys.exit(run_main(main))
