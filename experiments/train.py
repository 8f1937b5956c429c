"""Train a network from scratch: ``python experiments/train.py model=NAME out=FOLDER [finetuning.samples=N]``.

On several GPUs or processes: ``finetuning.processes=N``, or under ``accelerate launch`` (``docs/distributed.md``).
"""

import sys
from typing import Any, cast

import hydra
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="train")
def main(cfg: DictConfig) -> None:
    """Train, and say where the checkpoint is."""
    config = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    from accelerate import PartialState

    from vtoncompress.training import train

    out = train(config)
    PartialState().print(f"checkpoint: {out}")  # once, where a launcher started several processes


if __name__ == "__main__":
    sys.exit(run_main(main))
