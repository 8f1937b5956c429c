"""Write generated pairs in VITON's layout: ``python experiments/write_viton.py out=FOLDER pairs=N [split=test]``."""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="write_viton")
def main(cfg: DictConfig) -> None:
    """Write, and say where."""
    from vtoncompress.data.synthetic import Synthetic
    from vtoncompress.data.viton_layout import write_layout
    from vtoncompress.finetuning.progress import Progress

    data = Synthetic(cfg.split, cfg.pairs, cfg.height, cfg.width, cfg.seed)
    with Progress("writing", len(data)) as progress:
        write_layout(data, Path(cfg.out), progress.step)
    print(f"{len(data)} pairs: {cfg.out}")


if __name__ == "__main__":
    sys.exit(run_main(main))
