"""An experiment's page, or one page on two experiments, from records, tables and pictures: see conf/report.yaml."""

import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main

CONFIG = Path(__file__).resolve().parents[1] / "conf" / "report.yaml"
# Registered, not searched for in conf/: there `experiment` is a group, and its choices need all other groups.
ConfigStore.instance().store("report", OmegaConf.load(CONFIG))


@hydra.main(version_base="1.3", config_path=None, config_name="report")
def main(cfg: DictConfig) -> None:
    """Write it and print where."""
    from vtoncompress.record import read_all
    from vtoncompress.report.write import write_comparison, write_report

    results = Path(cfg.results)
    if (cfg.experiment is None) == (cfg.compare is None):
        raise ValueError("say either experiment=NAME or compare=[one,another]")
    if cfg.compare is not None:
        if not OmegaConf.is_list(cfg.compare):
            raise ValueError(f"compare={cfg.compare}: name two experiments, compare=[one,another]")
        print(write_comparison(results, [str(name) for name in cfg.compare]))
        return
    folder = results / str(cfg.experiment)
    records = read_all(folder)
    if not records:
        raise ValueError(f"{folder} has no records: run its experiment first, or choose another")
    print(write_report(folder, records))


if __name__ == "__main__":
    sys.exit(run_main(main))
