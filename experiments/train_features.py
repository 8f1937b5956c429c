"""Train the shipped feature network: ``python experiments/train_features.py [out=FILE report=FILE]``."""

import json
import sys
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="train_features")
def main(cfg: DictConfig) -> None:
    """Train and print the report."""
    config: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    from vtoncompress.metric.feature_training import train

    print(json.dumps(train(config), indent=2))


if __name__ == "__main__":
    sys.exit(run_main(main))
