"""Which layers bear pruning: ``python experiments/sensitivity.py [scope=NAME] [ratios=[0.1,0.5]] [key=value]``."""

import sys
from pathlib import Path
from typing import Any, cast

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main

CONF = Path(__file__).resolve().parents[1] / "conf"


@hydra.main(version_base="1.3", config_path="../conf", config_name="sensitivity")
def main(cfg: DictConfig) -> None:
    """Measure, or go on with what was stopped."""
    config = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    from vtoncompress.sensitivity.command import analyse, describe

    analysis = analyse(config, HydraConfig.get().runtime.choices, CONF)
    print(describe(analysis, Path(cfg.results) / cfg.name))


if __name__ == "__main__":
    sys.exit(run_main(main))
