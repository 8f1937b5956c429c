"""Tables, best rows and the page of pictures, from the records of an experiment: conf/tabulate.yaml says how."""

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
    """Write table.csv, table.md, table.tex and pictures.html anew, and print the table and the best rows."""
    from vtoncompress import page, record, summary, table

    known = ", ".join(_known(Path(config.results))) or f"none is in {config.results}"
    if OmegaConf.is_interpolation(config, "folder") and config.experiment is None:
        raise ValueError(f"say which experiment=NAME to tabulate ({known}), or folder=PATH")
    folder = Path(config.folder)
    records = record.read_all(folder)
    if not records:
        raise ValueError(f"{folder} has no records: run its experiment first, or choose another ({known})")
    table.write_tables(records, folder)
    page.write_page(folder, records)
    table.print_table(records)
    print(*summary.summarise(records), sep="\n")


def _known(results: Path) -> list[str]:
    """Names of the experiments that have records, adhoc ones included."""
    return sorted(path.parent.relative_to(results).as_posix() for path in results.glob("**/records") if path.is_dir())


if __name__ == "__main__":
    sys.exit(errors.run_main(main))
