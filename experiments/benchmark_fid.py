"""One FID by another tool and by ours, compared in number, time and memory: see conf/benchmark_fid.yaml."""

import sys
from pathlib import Path
from typing import Any, cast

import hydra
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="benchmark_fid")
def main(cfg: DictConfig) -> None:
    """Run all three commands, print and write the table."""
    config = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    from vtoncompress.evaluation.benchmark import as_json, compare, protocol, report
    from vtoncompress.record import write_text

    runs, told = compare(config), protocol(config)
    text = report(runs, told)
    name = f"{config['tool']}_{config['dimension']}_{told['pictures']}"
    write_text(Path(config["results"]) / f"{name}.md", text + "\n")
    write_text(Path(config["results"]) / f"{name}.json", as_json(runs, told))
    print(text)


if __name__ == "__main__":
    sys.exit(run_main(main))
