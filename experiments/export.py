"""Write a variant's deployed files with their manifest: ``python experiments/export.py variant=NAME out=FOLDER``."""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from vtoncompress.delivery import deliver
from vtoncompress.errors import run_main
from vtoncompress.store import Store


@hydra.main(version_base="1.3", config_path="../conf", config_name="delivery")
def main(cfg: DictConfig) -> None:
    """Copy the files out of the store and describe them."""
    out = Path(cfg.out)
    deliver(cfg.variant, Path(cfg.results) / cfg.name, Store(Path(cfg.store)), out)
    print(out)


if __name__ == "__main__":
    sys.exit(run_main(main))
