"""Write generated pairs in a test set's layout: see conf/write_dataset.yaml."""

import sys
from pathlib import Path
from typing import Any, cast

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="write_dataset")
def main(cfg: DictConfig) -> None:
    """Write, and say where."""
    config = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    from vtoncompress.data.dataset_layout import write_dataset
    from vtoncompress.options import check_types
    from vtoncompress.progress import Progress

    check_types(config)
    data = instantiate(config["data"])
    with Progress("writing", len(data)) as progress:
        write_dataset(data, config["layout"], Path(config["out"]), progress.step)
    print(f"{len(data)} pairs: {config['out']}")


if __name__ == "__main__":
    sys.exit(run_main(main))
