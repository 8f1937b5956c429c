"""Search for recipes: ``python experiments/search.py search=NAME [workers=N] [search.trials=N] [key=value]``."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from vtoncompress.errors import run_main

CONF = Path(__file__).resolve().parents[1] / "conf"


@hydra.main(version_base="1.3", config_path="../conf", config_name="search")
def main(cfg: DictConfig) -> None:
    """Search, or go on with a search that was stopped."""
    try:
        from vtoncompress.search.command import search
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise ValueError("a search needs Optuna: make install EXTRAS=dev,optuna") from error
    search(cfg, HydraConfig.get().overrides.task, CONF)


if __name__ == "__main__":
    sys.exit(run_main(main))
