"""Tables, published ones beside them, best rows and pictures, from an experiment's records: see conf/tabulate.yaml."""

from __future__ import annotations

import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from vtoncompress import errors

CONFIG = Path(__file__).resolve().parents[1] / "conf" / "tabulate.yaml"
# Registered, not searched for in conf/: there `experiment` is a group, and its choices need all other groups.
ConfigStore.instance().store("tabulate", OmegaConf.load(CONFIG))


@hydra.main(version_base="1.3", config_path=None, config_name="tabulate")
def main(config: DictConfig) -> None:
    """Write tables, report.html and what stands beside published tables anew; print them and the best rows."""
    from vtoncompress import record, summary, table, terminal
    from vtoncompress.published.account import account, write_account
    from vtoncompress.published.view import write_comparisons
    from vtoncompress.report.write import write_report

    if config.table is not None:
        if config.table != "published":
            raise ValueError(f"table={config.table}: the only choice is published; for others say experiment=NAME")
        results = Path(config.results)
        accounted = account(config.paper, lambda name: record.read_all(results / name))
        terminal.print_tables([write_account(accounted, results / "published")])
        return
    known = ", ".join(_known(Path(config.results))) or f"none is in {config.results}"
    if OmegaConf.is_interpolation(config, "folder") and config.experiment is None:
        raise ValueError(f"say which experiment=NAME to tabulate ({known}), or folder=PATH")
    folder = Path(config.folder)
    records = record.read_all(folder)
    if not records:
        raise ValueError(f"{folder} has no records: run its experiment first, or choose another ({known})")
    table.write_tables(records, folder)
    write_report(folder, records)
    terminal.print_table(records)
    terminal.print_tables(write_comparisons(records, folder))
    print(*summary.summarise(records), sep="\n")


def _known(results: Path) -> list[str]:
    """Names of the experiments that have records, adhoc ones included."""
    return sorted(path.parent.relative_to(results).as_posix() for path in results.glob("**/records") if path.is_dir())


if __name__ == "__main__":
    sys.exit(errors.run_main(main))
