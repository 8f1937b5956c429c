"""List, explain, verify or collect the store of finished stages: conf/store.yaml says how."""

from __future__ import annotations

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from vtoncompress.errors import run_main

CONF = Path(__file__).resolve().parents[1] / "conf"


@hydra.main(version_base="1.3", config_path="../conf", config_name="store")
def main(cfg: DictConfig) -> None:
    """One action."""
    from vtoncompress import housekeeping

    housekeeping.act(cfg, CONF)


if __name__ == "__main__":
    sys.exit(run_main(main))
