"""Try the networks on your own photos in a browser: ``python experiments/demo.py``; conf/demo.yaml has the options."""

import sys
import threading
from typing import Any, cast

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from vtoncompress.demo.serve import check, offered, serving, warn
from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="demo")
def main(cfg: DictConfig) -> None:
    """Serve until Ctrl-C."""
    check(cfg.host, cfg.port)
    limits, masker = instantiate(cfg.limits), instantiate(cfg.masking)
    recipes = offered(cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True)))
    if (warning := warn(cfg.host)) is not None:
        print(warning, file=sys.stderr)
    with serving(recipes, limits, masker, cfg.host, cfg.port, cfg.threads) as address:
        print(f"{len(recipes)} recipes at {address} (Ctrl-C ends it)", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    sys.exit(run_main(main))
