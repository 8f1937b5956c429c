"""A quantization sensitivity from its config to its files: checks, points, and what to keep in float."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.environment import environment
from vtoncompress.model.base import TryOnModel
from vtoncompress.pipeline import Stage, plan_model
from vtoncompress.progress import Progress
from vtoncompress.quantization.layers import KINDS, within
from vtoncompress.sensitivity.quantization.analysis import BUDGETED, Analysis, Attempt, Point, losses, spent
from vtoncompress.sensitivity.quantization.check import check
from vtoncompress.sensitivity.quantization.choice import by_harm, choose
from vtoncompress.sensitivity.quantization.plan import Config, plan_float, plan_point
from vtoncompress.sensitivity.quantization.report import write_csv, write_markdown
from vtoncompress.stage.model import WEIGHTS
from vtoncompress.stage.quantization_sensitivity import POINT
from vtoncompress.store import Artifact, Store

# Of the versions, those that a point depends on.
LIBRARIES = ("vtoncompress", "torch", "numpy")


def analyse(cfg: Config) -> Analysis:
    """Measure what the store lacks, and write ``points.csv`` and ``table.md`` to ``results``/``name``.

    Args:
        cfg: of ``conf/quantization_sensitivity.yaml``, resolved.

    Raises:
        ValueError: an option that can't work, before any work; or a scope without convolutions.
    """
    check(cfg)
    store, model = Store(Path(cfg["store"])), plan_model(cfg)
    dense, _ = model.build(store)
    network = checkpoint.load(dense.path)
    groups, coordinates = _groups(network, cfg["scope"]["modules"], cfg["depth"]), set(network.float_layers())
    budget: Mapping[str, float] = cfg["budget"]
    float32 = plan_float(cfg, model)
    whole = _read(float32, store)
    stages = {name: plan_point(cfg, model, float32, layers) for name, layers in groups.items()}
    _build([*stages.values()], store)
    points = []
    for name, stage in stages.items():
        values = _read(stage, store)
        always, loss = coordinates.issuperset(groups[name]), losses(whole, values)
        points.append(Point(name, groups[name], always, values, loss, spent(loss, budget)))

    def measure(on: Config, kept: tuple[str, ...]) -> Attempt:
        layers = [
            layer for name, own in groups.items() if name not in kept for layer in own if layer not in coordinates
        ]
        stage = plan_float(on, model)
        before = _read(stage, store)
        values = _read(plan_point(on, model, stage, layers), store) if layers else before
        loss = losses(before, values)
        return Attempt(kept, values, loss, spent(loss, budget))

    attempts = choose(by_harm(points), partial(measure, cfg))
    chosen = next(one for one in attempts if one.spent <= 1)
    apart = {**cfg, "data": cfg["held_out"]}
    held_out = (measure(apart, ()), measure(apart, chosen.kept))
    analysis = Analysis(points, whole, attempts, chosen, held_out, budget, _protocol(cfg, dense))
    folder = Path(cfg["results"]) / cfg["name"]
    write_csv(analysis, folder / "points.csv")
    write_markdown(analysis, folder / "table.md")
    return analysis


def _groups(model: TryOnModel, modules: Sequence[str], depth: int | None) -> dict[str, tuple[str, ...]]:
    """Name -> layers of the scope that begin with its first ``depth`` parts, coordinates apart; in order."""
    coordinates, groups = set(model.float_layers()), dict[str, list[str]]()
    for name, layer in model.named_modules():
        if isinstance(layer, KINDS) and within(name, modules):
            group = name if depth is None or name in coordinates else ".".join(name.split(".")[:depth])
            groups.setdefault(group, []).append(name)
    if not groups.keys() - coordinates:
        raise ValueError(f"scope.modules={','.join(modules)} holds no layer that may be INT8: choose a wider scope")
    return {name: tuple(layers) for name, layers in groups.items()}


def _build(stages: Sequence[Stage], store: Store) -> None:
    missing = [stage for stage in stages if stage.find(store) is None]
    with Progress("points", len(stages), len(stages) - len(missing)) as progress:
        for stage in missing:
            stage.build(store)
            progress.step()


def _read(stage: Stage, store: Store) -> Mapping[str, float]:
    content: dict[str, float] = stage.build(store)[0].json(POINT)
    return content


def _protocol(cfg: Config, dense: Artifact) -> list[str]:
    data, apart, machine = instantiate(cfg["data"]), instantiate(cfg["held_out"]), environment()
    height, width = cfg["model"]["size"]
    calibration: dict[str, Any] = cfg["calibration"]
    versions = ", ".join(f"{name} {machine['versions'][name]}" for name in LIBRARIES)
    how = "eager PyTorch, INT8 as every runtime rounds it: inputs to 256 levels between their extremes on "
    if sampling := cfg["model"].get("sampling"):
        mode = cfg["quantization"]["_target_"].split(".")[-2]
        how = f"OpenVINO, {sampling['steps']} steps, INT8 as quantization={mode} makes it of trajectories on "
    return [
        f"Protocol {data.protocol}: pictures {height}x{width}, {len(data)} pairs (list {data.pair_list_hash()}), "
        f"held out {len(apart)} (list {apart.pair_list_hash()}); "
        f"{how}{calibration['pairs']} calibration pairs (seed {calibration['seed']}), weights for each output channel.",
        f"Network: {cfg['model']['name']}, {dense.json(WEIGHTS)['weights']}, batch norms folded; "
        f"scope {cfg['scope']['name']} ({', '.join(cfg['scope']['modules'])}), seed {cfg['seed']}.",
        f"Versions: {versions}; {machine['cpu']}.",
    ]


def describe(analysis: Analysis, folder: Path) -> str:
    """A few lines for the terminal; the last but one is for the command line of any INT8 mode."""
    none, chosen = analysis.attempts[0], analysis.chosen
    told = {"none": none, "chosen": chosen, "held out": analysis.held_out[1]}
    lost = {name: ", ".join(f"{measure} {one.loss[measure]:.4f}" for measure in BUDGETED) for name, one in told.items()}
    budget = ", ".join(f"{name} {value:g}" for name, value in analysis.budget.items())
    return (
        f"{len(analysis.points)} points; lost with all in INT8 that may be: {lost['none']}\n"
        f"{len(chosen.kept)} kept in float for {budget} at most: {lost['chosen']}; held out: {lost['held out']}\n"
        f"{analysis.override}\n"
        f"points.csv, table.md: {folder}"
    )
