"""Which layers bear INT8: ``python experiments/quantization_sensitivity.py [scope=NAME] [depth=2] [key=value]``."""

import sys
from pathlib import Path
from typing import Any, cast

import hydra
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="quantization_sensitivity")
def main(cfg: DictConfig) -> None:
    """Measure, or go on with what was stopped."""
    config = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    from vtoncompress.sensitivity.quantization.command import analyse, describe

    print(describe(analyse(config), Path(cfg.results) / cfg.name))


if __name__ == "__main__":
    sys.exit(run_main(main))
