"""Score a folder of pictures under a protocol: ``python experiments/evaluate.py prediction= reference= protocol=``."""

import sys
from pathlib import Path
from typing import Any, cast

import hydra
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main


@hydra.main(version_base="1.3", config_path="../conf", config_name="evaluate")
def main(cfg: DictConfig) -> None:
    """Evaluate, write record and tables, and print the row."""
    config = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    from vtoncompress import record, table, terminal
    from vtoncompress.columns import SHOWN
    from vtoncompress.confidence import interval_lines
    from vtoncompress.evaluation.command import evaluate
    from vtoncompress.options import check_types

    check_types(config)
    others = record.read_all(Path(config["beside"])) if config["beside"] else []
    found = evaluate(config, others)
    folder = Path(config["results"]) / config["name"]
    record.write(found, folder)
    table.write_tables(record.read_all(folder), folder)
    terminal.print_table([found])
    print(*interval_lines(found, SHOWN), sep="\n")
    print(f"record and tables: {folder}/records/{found.variant}.json, table.md")


if __name__ == "__main__":
    sys.exit(run_main(main))
