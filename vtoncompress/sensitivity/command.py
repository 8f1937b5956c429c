"""A sensitivity analysis from its config to its files: checks, points, proposals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.environment import environment
from vtoncompress.model.base import TryOnModel
from vtoncompress.options import TARGET, used
from vtoncompress.pipeline import Stage, plan_model
from vtoncompress.progress import Progress
from vtoncompress.pruning.groups import Group, find_groups
from vtoncompress.sensitivity.check import check
from vtoncompress.sensitivity.choice import by_layer, choose, mean_ratio, write_ratios, write_search
from vtoncompress.sensitivity.plan import Config, plan_dense, plan_latency, plan_point, pruning_at
from vtoncompress.sensitivity.plot import write_plot
from vtoncompress.sensitivity.point import SSIM, Analysis, Point, read_network
from vtoncompress.sensitivity.report import write_csv, write_markdown
from vtoncompress.stage.model import WEIGHTS
from vtoncompress.stage.sensitivity import POINT
from vtoncompress.store import Artifact, Store

# Of the versions, those that a point depends on.
LIBRARIES = ("vtoncompress", "torch", "torch-pruning", "numpy")


def analyse(cfg: Config, choices: Mapping[str, str], conf: Path) -> Analysis:
    """Measure what the store lacks, and write all files of ``results``/``name``.

    Args:
        cfg: of ``conf/sensitivity.yaml``, resolved.
        choices: config group -> name, as Hydra's ``runtime.choices``.
        conf: folder of the configs.

    Raises:
        ValueError: an option that can't work, before any work; or a scope without channels that may go.
    """
    ratios = check(cfg)
    store, model = Store(Path(cfg["store"])), plan_model(cfg)
    dense, _ = model.build(store)
    groups = _groups(checkpoint.load(dense.path), cfg["scope"]["modules"])
    points = _measure(cfg, model, groups, ratios, store)
    chosen = choose(points, cfg["budget"])
    every = pruning_at(cfg, mean_ratio(groups, chosen, ratios), by_layer(groups, chosen))
    together, _ = plan_point(cfg, model, cfg["scope"]["modules"], every).build(store)
    protocol = [*_protocol(cfg, choices, dense), *_timing(cfg, model, groups, ratios, store)]
    analysis = Analysis(points, chosen, read_network(together.json(POINT)), cfg["budget"], protocol)
    folder = Path(cfg["results"]) / cfg["name"]
    write_csv(analysis, folder / "sensitivity.csv")
    write_markdown(analysis, folder / "sensitivity.md")
    write_plot(analysis, folder / "sensitivity.svg")
    write_ratios(analysis, cfg, choices, folder)
    if cfg["search_groups"]:
        write_search(analysis, cfg, choices, conf, folder)
    return analysis


def _measure(cfg: Config, model: Stage, groups: Sequence[Group], ratios: Sequence[float], store: Store) -> list[Point]:
    dense = plan_dense(cfg, model)
    stages = {
        (group, ratio): plan_point(cfg, model, group.members, pruning_at(cfg, ratio))
        for group in groups
        for ratio in ratios
    }
    timed = stages if cfg["latency"] else ()
    clocks = {key: plan_latency(cfg, model, key[0].members, pruning_at(cfg, key[1])) for key in timed}
    _build([dense, *stages.values(), *clocks.values()], store)
    whole = read_network(_read(dense, store))
    return [
        Point(group, ratio, read_network(_read(stage, store)), whole, _saved(clocks.get((group, ratio)), store))
        for (group, ratio), stage in stages.items()
    ]


def _build(stages: Sequence[Stage], store: Store) -> None:
    missing = [stage for stage in stages if stage.find(store) is None]
    with Progress("points", len(stages), len(stages) - len(missing)) as progress:
        for stage in missing:
            stage.build(store)
            progress.step()


def _read(stage: Stage, store: Store) -> dict[str, Any]:
    content: dict[str, Any] = stage.build(store)[0].json(POINT)
    return content


def _saved(stage: Stage | None, store: Store) -> float | None:
    if stage is None:
        return None
    found = _read(stage, store)
    return float(found["dense_ms"] - found["latency_ms"])


def _groups(model: TryOnModel, scope: Sequence[str]) -> list[Group]:
    groups = find_groups(model, scope)
    if not groups:
        raise ValueError(
            f"scope.modules={','.join(scope)} holds no group of channels that may go: choose a scope of "
            f"{', '.join(model.parts)} that holds all layers of a group"
        )
    return groups


def _protocol(cfg: Config, choices: Mapping[str, str], dense: Artifact) -> list[str]:
    data, machine = instantiate(cfg["data"]), environment()
    height, width = cfg["model"]["size"]
    options = {key: value for key, value in used(cfg["pruning"]).items() if key not in (TARGET, "ratio", "ratios")}
    told = "".join(f", {key} {value}" for key, value in options.items() if value is not None)
    pairs = cfg["batch_norm_pairs"]
    again = f"estimated again from {pairs} training pairs, the dense network's too" if pairs else "left as they are"
    versions = ", ".join(f"{name} {machine['versions'][name]}" for name in LIBRARIES)
    return [
        f"Protocol {data.protocol}: pictures {height}x{width}, {len(data)} pairs (list {data.pair_list_hash()}); "
        "eager PyTorch in float32.",
        f"Network: {cfg['model']['name']}, {dense.json(WEIGHTS)['weights']}.",
        f"Scope {cfg['scope']['name']} ({', '.join(cfg['scope']['modules'])}), criterion {choices['criterion']}, "
        f"pruning {choices['pruning']}{told}, seed {cfg['seed']}; batch norms {again}.",
        "1 MAC = 2 FLOPs; correlation, sampling and interpolation are counted. Ratios are those asked for: channels "
        "are whole, sensitivity.csv has those that are left.",
        f"Versions: {versions}; {machine['cpu']}.",
    ]


def _timing(cfg: Config, model: Stage, groups: Sequence[Group], ratios: Sequence[float], store: Store) -> list[str]:
    if not cfg["latency"]:
        return []
    runtime = _read(plan_latency(cfg, model, groups[0].members, pruning_at(cfg, ratios[0])), store)["runtime"]
    return [
        f"Time: median latency of the try-on call at batch 1, {runtime['runtime']} {runtime['version']}, "
        f"{runtime['threads']} threads, in turns with the dense network in the same runtime."
    ]


def describe(analysis: Analysis, folder: Path) -> str:
    """A few lines for the terminal."""
    dense, together = analysis.dense, analysis.together
    kept = sum(ratio > 0 for ratio in analysis.chosen.values())
    return (
        f"{len(analysis.points)} points of {len(analysis.chosen)} groups, garment SSIM of the dense network "
        f"{dense.values[SSIM]:.3f}\n"
        f"{kept} groups may be pruned within {analysis.budget:g}; all of them at once: garment SSIM "
        f"{together.values[SSIM]:.3f}, {together.macs / dense.macs:.0%} of the MACs\n"
        f"sensitivity.md, sensitivity.csv, sensitivity.svg, ratios.yaml, search/: {folder}"
    )
