"""What widths cost in time on this machine: ``python experiments/measure_latency.py [key=value]``."""

import sys
from typing import Any, cast

import hydra
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="measure_latency")
def main(cfg: DictConfig) -> None:
    """Measure, write the file and say where it is."""
    config = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    from vtoncompress.latency.command import measure_latency

    print(measure_latency(config))


if __name__ == "__main__":
    sys.exit(run_main(main))
