"""Train PF-AFN's four stages: ``python experiments/train_stages.py out=FOLDER [root=VITON_traindata]``.

On several GPUs or processes: ``processes=N``, or under ``accelerate launch`` (``docs/distributed.md``).
"""

import sys
from typing import Any, cast

import hydra
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="train_stages")
def main(cfg: DictConfig) -> None:
    """Train, and say where the student is."""
    config = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    from accelerate import PartialState

    from vtoncompress.four_stages import train_stages

    out = train_stages(config)
    PartialState().print(f"checkpoint: {out}")  # once, where a launcher started several processes


if __name__ == "__main__":
    sys.exit(run_main(main))
