"""What is there of a test set, and what is missing or damaged: see conf/check_dataset.yaml."""

import sys
from typing import Any, cast

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="check_dataset")
def main(cfg: DictConfig) -> None:
    """Read everything, and tell."""
    config = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    from vtoncompress.data.listed import ListedPairs
    from vtoncompress.data.viton_training import VitonTraining
    from vtoncompress.options import check_types

    check_types(config)
    if "damaged" not in (config.get("data") or {}):
        raise ValueError("name a set of photos: data=viton, say, or examples@data=viton_training; others have no files")
    data: ListedPairs | VitonTraining = instantiate(config["data"] | {"damaged": "skip"})
    print(data.summary())
    print(*data.left_out, sep="\n", end="\n" if data.left_out else "")
    if data.left_out:
        raise ValueError(
            f"{len(data.left_out)} of {len(data) + len(data.left_out)} pairs can't be used, see above: mend them, or "
            "leave them out with data.damaged=skip, which every record tells"
        )


if __name__ == "__main__":
    sys.exit(run_main(main))
