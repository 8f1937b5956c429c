"""The actions of ``experiments/store.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig

from vtoncompress.collection import collect
from vtoncompress.composition import compose_variants
from vtoncompress.inventory import check_exists, items, leftovers, references
from vtoncompress.pipeline import Config, Stage
from vtoncompress.quantity import parse_age, parse_size
from vtoncompress.rebuild import explain, restore_paths, stages_of
from vtoncompress.record import Record, read_all
from vtoncompress.store import Store
from vtoncompress.store_report import make_console, print_collection, print_explanations, print_inventory
from vtoncompress.verification import verify


def act(cfg: DictConfig, conf: Path) -> None:
    """Do what ``cfg.action`` says.

    Args:
        cfg: as in conf/store.yaml.
        conf: folder of the experiments' configs.

    Raises:
        ValueError: an option that can't be, no store, nothing to explain, damage that was found and not repaired.
    """
    actions = {"list": _list, "explain": _explain, "verify": _verify, "collect": _collect}
    if cfg.action not in actions:
        raise ValueError(f"unknown action={cfg.action}: choose one of {', '.join(actions)}")
    store = Store(Path(cfg.store))
    if cfg.action != "explain":  # a clone without a store may ask what it would have to build
        check_exists(store)
    actions[cfg.action](cfg, store, conf)


def _list(cfg: DictConfig, store: Store, conf: Path) -> None:
    print_inventory(items(store), leftovers(store), references(_results(cfg)))


def _explain(cfg: DictConfig, store: Store, conf: Path) -> None:
    records = _chosen(cfg)
    rows = [record for record in read_all(_folder(cfg)) if record.role == "variant"]
    names = {record.variant for record in rows}
    try:
        composed = {} if cfg.recorded else compose_variants(conf, cfg.name, names)
    except ValueError as error:
        raise ValueError(f"{error}: compare with the configs of the records instead, with recorded=true") from error
    console = make_console()
    for record in records:
        try:
            stages = _plan(record, rows, composed, store)
        except ValueError as error:
            if cfg.variant is not None:
                raise
            print(f"{error}\n")
        else:
            print_explanations(record.variant, explain(stages, record.stages, store), console)
    file = f"conf/experiment/{cfg.name}.yaml"
    known = (
        f"as {file} composes now without further options (recorded=true: as recorded)" if composed else "as recorded"
    )
    print(f"Configs {known}; code, files and machine as they are now.")


def _plan(record: Record, rows: Sequence[Record], composed: Mapping[str, Config], store: Store) -> list[Stage]:
    # A reference row has no config of its own: it measures the data of the rows beside it.
    alike = [one for one in rows if one.trust.get("pair_list_hash") == record.trust.get("pair_list_hash")]
    beside = record if record.role == "variant" else next(iter(alike), None)
    config = None if beside is None else beside.trust.get("config")
    if beside is None or config is None:
        raise ValueError(f"{record.variant} can't be planned: there is no record with the config of its pairs")
    recorded = restore_paths(config, [*beside.stages, *record.stages], store)
    planned = composed.get(beside.variant, recorded)
    return stages_of(record, {**planned, "threads": planned.get("threads") or beside.trust.get("threads")})


def _verify(cfg: DictConfig, store: Store, conf: Path) -> None:
    verdicts = list(verify(store, repair=cfg.repair))
    damaged = [verdict for verdict in verdicts if verdict.faults]
    for verdict in damaged:
        done = "removed: " if verdict.removed else ""
        for fault in verdict.faults:
            print(f"{done}{verdict.artifact.stage}/{verdict.artifact.key}: {fault}")
    left = sum(not verdict.removed for verdict in damaged)
    if left:
        raise ValueError(
            f"{left} of {len(verdicts)} artifacts are damaged: repair=true removes them, to be built again"
        )
    print(f"{len(verdicts) - len(damaged)} artifacts are as they were built; removed {len(damaged)}")


def _collect(cfg: DictConfig, store: Store, conf: Path) -> None:
    if cfg.max_size is None:
        raise ValueError("say how large the store may be, such as max_size=2GB")
    limit = parse_size(cfg.max_size, "max_size")
    ages = parse_age(cfg.min_age, "min_age"), parse_age(cfg.work_age, "work_age")
    done = collect(store, _results(cfg), limit, *ages, dry_run=cfg.dry_run)
    print_collection(done, limit, cfg.dry_run, make_console())


def _results(cfg: DictConfig) -> list[Path]:
    return [Path(cfg.results)] if isinstance(cfg.results, str) else [Path(folder) for folder in cfg.results]


def _folder(cfg: DictConfig) -> Path:
    results = _results(cfg)
    if len(results) != 1:
        raise ValueError("action=explain looks at one experiment: give one folder with results=FOLDER")
    return results[0] / cfg.name


def _chosen(cfg: DictConfig) -> list[Record]:
    if cfg.name is None:
        raise ValueError("say which experiment to explain with name=NAME, such as name=quickstart")
    folder = _folder(cfg)
    records = read_all(folder)
    if not records:
        raise ValueError(f"there are no records in {folder}: run its experiment first, or give another name=NAME")
    chosen = [record for record in records if cfg.variant in (None, record.variant)]
    if not chosen:
        known = ", ".join(record.variant for record in records)
        raise ValueError(f"there is no variant {cfg.variant}: choose one of {known}")
    return chosen
