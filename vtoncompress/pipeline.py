"""One variant, from weights to a row: the stages in order, each built once and kept in the store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtoncompress.environment import environment
from vtoncompress.export.performance import LATENCY
from vtoncompress.feature_plan import plan_all
from vtoncompress.finetuning.passing import split
from vtoncompress.finetuning.teacher_choice import DENSE
from vtoncompress.options import TARGET, built, declared, defines, effective, used
from vtoncompress.stage.definition import Config, Stage
from vtoncompress.stage.files import contents, feature_files, perceptual_contents, teacher_files, weight_files

__all__ = ["Config", "Plan", "Stage", "plan", "plan_ceiling", "plan_model", "plan_reference", "timing", "work_threads"]

SUBJECT_PAIRS = 16
FLOAT32 = "vtoncompress.quantization.none.NoQuantization"


@dataclass(frozen=True)
class Plan:
    """The stages of one variant.

    Attributes:
        model, tuned, deployment: the dense network, the one that is quantized, and what is deployed.
        quantized: what quantization needs before the export, in order; for some modes nothing.
        known: features of the people's photos, which all variants on the same data share.
        measurements: those that hold numbers.
    """

    model: Stage
    tuned: Stage
    quantized: tuple[Stage, ...]
    deployment: Stage
    known: tuple[Stage, ...]
    measurements: tuple[Stage, ...]

    @property
    def stages(self) -> tuple[Stage, ...]:
        pruned = self.tuned.inputs[0]
        return (
            *pruned.inputs, pruned, self.tuned, *self.quantized, self.deployment, *self.known, *self.measurements
        )  # fmt: skip


def plan(cfg: Config) -> Plan:
    """The stages of the variant that the resolved config ``cfg`` describes. Builds nothing, imports nothing heavy."""
    cfg, seed = effective(cfg), cfg["seed"]
    parity, few = _first(cfg["data"], cfg["parity_pairs"]), _first(cfg["data"], SUBJECT_PAIRS)
    model = plan_model(cfg)
    pruned = _plan_pruning(cfg, model)
    training, passing = split(cfg["finetuning"])
    learns_from_dense = cfg["finetuning"].get("teacher") == DENSE
    tuned = Stage(
        "finetuning", f"vtoncompress.stage.finetuning:{'make_from_dense' if learns_from_dense else 'make'}",
        {
            "finetuning": training, "training_data": cfg["training_data"], "seed": seed,
            **contents("training_files", cfg["training_data"]), **perceptual_contents(training),
            **({"threads": work_threads(cfg)} if "samples" in training else {}),
        },
        (pruned, model) if learns_from_dense else (pruned,),
        files=teacher_files(training), resumable=True, passing={"finetuning": passing},
    )  # fmt: skip
    quantized, deployment = _plan_quantization(cfg, model, tuned, parity)
    known, metrics = _plan_known(cfg), _metrics(cfg, "pictures")
    quality = [
        Stage(
            "quality", "vtoncompress.stage.quality:make",
            {"data": cfg["data"], "metric": metrics, **contents("files", cfg["data"]), **_sampling(cfg, baseline=True)},
            (deployment, model, *known), files=feature_files(metrics), resumable=bool(_sampling(cfg)),
        )
    ] if metrics else []  # fmt: skip
    subject = [
        Stage(
            "subject", "vtoncompress.stage.subject:make",
            {
                "data": few, "metric": {name: metric}, **contents("files", few),
                **_sampling(cfg, baseline=True),
                **(_clock(cfg) if kind == "clock" else {}),
            },
            (model, tuned, deployment), alone=kind == "clock",
        )
        for kind in ("network", "clock")
        for name, metric in _metrics(cfg, kind).items()
    ]  # fmt: skip
    return Plan(model, tuned, quantized, deployment, known, (*quality, *subject))


def plan_model(cfg: Config) -> Stage:
    """The stage that gives the dense network its weights; of the config it reads ``model`` and ``seed``."""
    model = cfg["model"]
    weights = {"network": model["network"], "official": model.get("official"), "seed": cfg["seed"]}
    return Stage(
        "model", "vtoncompress.stage.model:make", {**weights, "checkpoint": model["checkpoint"]},
        files=weight_files(model),
    )  # fmt: skip


def plan_reference(cfg: Config, name: str) -> Stage | None:
    """The stage that measures the pictures of a row of :mod:`vtoncompress.reference`; None without picture metrics."""
    metrics = _metrics(cfg, "pictures")
    config = {"data": cfg["data"], "metric": metrics, "reference": name, **contents("files", cfg["data"])}
    make = "vtoncompress.stage.quality:make_reference"
    return Stage("quality", make, config, _plan_known(cfg), files=feature_files(metrics)) if metrics else None


def _plan_known(cfg: Config) -> tuple[Stage, ...]:
    """The features of the people's photos through which the picture metrics look: once a data set, for every row."""
    data = cfg["data"]
    return plan_all(_metrics(cfg, "pictures"), "make_persons", {"data": data, **contents("files", data)})


def plan_ceiling(cfg: Config) -> Stage | None:
    """The stage of the row that a latent network's autoencoder sets; None for other networks, and as above."""
    metrics = _metrics(cfg, "pictures")
    if not _sampling(cfg) or not metrics:
        return None
    config = {"data": cfg["data"], "metric": metrics, **contents("files", cfg["data"])}
    make = "vtoncompress.stage.quality:make_ceiling"
    return Stage("quality", make, config, (plan_model(cfg), *_plan_known(cfg)), files=feature_files(metrics))


def _plan_pruning(cfg: Config, model: Stage) -> Stage:
    """A criterion of the weights alone, and pruning without training between its steps, look at no pairs."""
    criterion, passing = split(cfg["criterion"] or {})
    samples = cfg["pruning"].get("recovery_samples")
    recovery, recovery_passing = split({**cfg["finetuning"], "samples": samples} if samples else {})
    config = {
        "pruning": cfg["pruning"], "scope": cfg["scope"]["modules"], "criterion": criterion or None, "seed": cfg["seed"]
    }  # fmt: skip
    if samples:
        config["finetuning"] = recovery
    if samples or criterion.keys() > {TARGET} or "pairs" in cfg["pruning"]:
        data = cfg["training_data"]
        config |= {"training_data": data, **contents("training_files", data), "threads": work_threads(cfg)}
        for looking in (criterion, recovery, cfg["pruning"]):
            config |= perceptual_contents(looking)
    lookup, sensitivity = _lookup(cfg, model), used(cfg["pruning"]).get("sensitivity")
    measured = (lookup,) if isinstance(lookup, Stage) else ()
    read = [Path(file) for file in (lookup, sensitivity) if isinstance(file, str | Path)]
    told = {"criterion": passing, "finetuning": recovery_passing}
    return Stage(
        "pruning", f"vtoncompress.stage.pruning:{'make_in_time' if measured else 'make'}", config, (model, *measured),
        resumable=True,
        files=(*teacher_files(recovery), *read),
        passing={name: options for name, options in told.items() if options},
    )  # fmt: skip


def _lookup(cfg: Config, model: Stage) -> Stage | Path | None:
    """What tells a pruning that asks for it how long convolutions take: a given file, or a stage that measures it."""
    options = used(cfg["pruning"])
    if "lookup" not in options:
        return None
    if options["lookup"] is not None:
        return Path(options["lookup"])
    config = {"precision": options["precision"], **timing(cfg["deployed_threads"])}
    return Stage("latency", "vtoncompress.stage.latency:make", config, (model,), alone=True)


def _plan_quantization(cfg: Config, model: Stage, tuned: Stage, parity: Config) -> tuple[tuple[Stage, ...], Stage]:
    """What comes before the deployment, and the deployment; each stage depends on what its mode looks at."""
    mode, data = cfg["quantization"], cfg["training_data"]
    gate = {"parity_data": parity, **contents("parity_files", parity), "export": cfg["export"]}
    config = {**gate, **_sampling(cfg), "model": cfg["model"]["name"], "seed": cfg["seed"]}
    if _sampling(cfg):
        return _plan_steps(cfg, tuned, config)
    calibrated = declared(mode[TARGET], "calibrates", True) and mode.keys() != {TARGET}
    seen = [
        Stage(
            "calibration", "vtoncompress.stage.calibration:make",
            {"calibration": cfg["calibration"], "data": data, **contents("files", data)},
        )
    ] if calibrated else []  # fmt: skip
    judged: Config = {}
    if "budget" in mode:
        judged = {
            "validation_data": data, "validation_pairs": cfg["validation_pairs"], **contents("validation_files", data)
        }  # fmt: skip
    features = feature_files({"fid": {}}) if judged else ()
    make = "make_calibrated" if calibrated else "make"
    if not defines(mode[TARGET], "prepare"):
        config |= {"quantization": mode, **judged}
        work = f"vtoncompress.stage.deployment:{make}"
        return (*seen,), Stage("deployment", work, config, (tuned, *seen), files=features)
    prepared = _plan_preparation(cfg, model, (tuned, *seen), make, judged, features)
    config |= {"tolerance": mode.get("tolerance"), "trained": "training" in mode}
    deployment = Stage("deployment", "vtoncompress.stage.deployment:make_prepared", config, (tuned, prepared))
    return (*seen, prepared), deployment


def _plan_steps(cfg: Config, tuned: Stage, config: Config) -> tuple[tuple[Stage, ...], Stage]:
    """A model that works in steps is quantized graph by graph, from a float32 deployment that all modes share."""
    mode, data = cfg["quantization"], cfg["training_data"]
    work = "vtoncompress.stage.deployment"
    float32 = Stage("deployment", f"{work}:make", {**config, "quantization": {TARGET: FLOAT32}}, (tuned,))
    if mode[TARGET] == FLOAT32:
        return (), float32
    seen = [
        Stage(
            "trajectories", "vtoncompress.stage.trajectories:make",
            {
                "trajectories": cfg["trajectories"], "calibration": cfg["calibration"], "data": data,
                **contents("files", data),
            },
            (float32,),
        )
    ] if declared(mode[TARGET], "calibrates", True) else []  # fmt: skip
    make = "make_from_trajectories" if seen else "make_from_float"
    told = {**config, "quantization": mode}
    return (float32, *seen), Stage("deployment", f"{work}:{make}", told, (tuned, float32, *seen))


def _plan_preparation(
    cfg: Config, model: Stage, inputs: tuple[Stage, ...], make: str, judged: Config, features: tuple[Path, ...]
) -> Stage:
    """The module's own moment; how wide the parity gate opens is the deployment's business."""
    training, passing = split(cfg["quantization"].get("training") or {})
    mode = {name: value for name, value in cfg["quantization"].items() if name != "tolerance"}
    told = {"tolerance": cfg["quantization"].get("tolerance")}
    config = {"quantization": mode, "seed": cfg["seed"], **judged}
    if training:
        data = cfg["training_data"]
        mode["training"], told["training"] = training, {**training, **passing}
        config |= {"training_data": data, **contents("training_files", data), "threads": work_threads(cfg)}
        config |= perceptual_contents(training)
    if training.get("teacher") == DENSE:
        make, inputs = "make_from_dense", (*inputs, model)
    return Stage(
        "quantization", f"vtoncompress.stage.quantization:{make}", config, inputs,
        files=(*teacher_files(training), *features), resumable=bool(training), passing={"quantization": told},
    )  # fmt: skip


def _first(data: Config, count: int) -> Config:
    """The data set of the first ``count`` pairs only: what looks at no more depends on no more."""
    return {**data, "pairs": min(count, len(built(data)))}


def work_threads(cfg: Config) -> int:
    """Those of a variant's work. Another number adds up in another order, and training magnifies the last bits."""
    machine = environment()
    given = cfg["threads"] or int(os.environ.get("OMP_NUM_THREADS") or 0)
    return given or min(machine["cores"], machine["threads_available"])


def timing(threads: int | None) -> Config:
    """What a measured time depends on besides code and network."""
    machine = environment()
    return {"machine": machine, "threads": threads or min(machine["cores"], machine["threads_available"])}


def _clock(cfg: Config) -> Config:
    performance = cfg.get("performance", LATENCY)
    return {**timing(cfg["deployed_threads"]), **({} if performance == LATENCY else {"performance": performance})}


def _sampling(cfg: Config, baseline: bool = False) -> Config:
    """How a model that works in steps is called, and where it is compared its baseline, if that is called otherwise.

    Nothing for others, whose keys must not change by it.
    """
    names = ("sampling", "baseline_sampling") if baseline else ("sampling",)
    return {name: sampling for name in names if (sampling := cfg["model"].get(name))}


def _metrics(cfg: Config, kind: str) -> dict[str, Any]:
    chosen = {name: dict(metric) for name, metric in cfg["metric"].items() if metric["kind"] == kind}
    return {name: {key: value for key, value in metric.items() if key != "kind"} for name, metric in chosen.items()}
