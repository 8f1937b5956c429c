"""Write CatVTON's weights in upstream's layout or ours: see conf/write_weights.yaml."""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="write_weights")
def main(cfg: DictConfig) -> None:
    """Write, and say where."""
    OmegaConf.to_container(cfg, throw_on_missing=True)  # before torch, which takes a while
    from vtoncompress.model.cat_vton.rewriting import rewrite

    rewrite(str(cfg.checkpoint), cfg.layout, Path(cfg.out), cfg.attention)
    print(cfg.out)


if __name__ == "__main__":
    sys.exit(run_main(main))
