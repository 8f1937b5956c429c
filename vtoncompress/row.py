"""From the artifacts of a variant's stages to its record. Reads numbers, computes none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vtoncompress.environment import environment
from vtoncompress.fingerprint import known_hash
from vtoncompress.image import RESIZING_RULE
from vtoncompress.pipeline import Config, Plan, Stage
from vtoncompress.record import Record
from vtoncompress.store import Artifact, Store

# How and where a variant is run and why cells are left empty, which changes no number of it.
RUN_OPTIONS = (
    "results", "store", "launcher", "threads", "dry_run", "retry_failed", "retry_disturbed", "on_failure", "missing",
    "tracker",
)  # fmt: skip
MEASUREMENTS, PICTURES, CHOSEN = "measurements.json", "pictures.png", "chosen.png"
DIGITS = 16
UNENCODED = "none"
"""Results are scored as they are painted; no file format comes between."""


def describe(cfg: Config) -> Record:
    """The record of a variant before anything of it was measured: names of its choices and what fixes its result."""
    choices, dense = cfg["choices"], cfg["choices"]["pruning"] == "none"
    return Record(
        variant=cfg["variant"],
        model=cfg["model"]["name"],
        data=choices["data"],
        scope="" if dense else cfg["scope"]["name"],
        criterion="" if cfg["criterion"] is None else choices["criterion"],
        pruning=choices["pruning"],
        pruning_ratio=0.0 if dense else cfg["pruning"]["ratio"],
        finetuning=choices["finetuning"],
        quantization=choices["quantization"],
        quantization_scope=choices.get("quantization_scope", ""),
        sampling=_sampling(cfg),
        runtime=choices["runtime"],
        protocol=cfg["protocol"],
        pairs=cfg["pair_count"],
        seed=cfg["seed"],
        order=cfg["order"],
        missing=dict(cfg["missing"]),
        trust={
            "config": {
                key: value for key, value in cfg.items() if key not in (*RUN_OPTIONS, "order", "choices", "left_out")
            },
            "pair_list_hash": cfg["pair_list_hash"],
            "picture_size": cfg["model"]["size"],
            "encoding": UNENCODED,
            **_repaint(cfg),
            **{name: cfg[name] for name in ("pairing", "left_out") if name in cfg},
            "threads": cfg["threads"],
            **({} if cfg["protocol"] == "generated" else {"picture_resizing": RESIZING_RULE}),
            **environment(),
        },
    )


def _repaint(cfg: Config) -> dict[str, str]:
    """Whether the person outside the mask is laid over the result, of a model that paints inside one."""
    sampling = cfg["model"].get("sampling")
    return {"repaint": "yes" if sampling["repaint"] else "no"} if sampling else {}


def _sampling(cfg: Config) -> str:
    """As ``ddim20``, the sampler and its steps, and what else saves time; empty where a picture is made in one call."""
    sampling = cfg["model"].get("sampling")
    if not sampling:
        return ""
    first, last = sampling["guidance_window"]
    told = {
        "unguided": sampling["guidance"] == 1,
        f"guided {first:g}-{last:g}": sampling["guidance"] != 1 and (first, last) != (0, 1),
        f"reuse {sampling['reuse']}": sampling["reuse"] > 1,
        f"outer {sampling['reuse_layers']}": sampling["reuse"] > 1 and sampling["reuse_layers"] > 1,
        f"merging {sampling['merging']:g}": sampling["merging"] > 0,
    }
    name = f"{sampling['_target_'].split('.')[-2]}{sampling['steps']}"
    return ", ".join([name, *(technique for technique, used in told.items() if used)])


def finished(plan: Plan, store: Store) -> bool:
    """Whether every stage is in this machine's store: then there is nothing to do but to write the record."""
    return all(stage.find(store) is not None for stage in plan.stages)


def fill(record: Record, plan: Plan, store: Store) -> Record:
    """``record`` with what the finished stages hold."""
    weights = _artifact(plan.model, store).json("weights.json")["weights"]
    record.trust["weights"] = _identified(weights, plan.model.files)
    if weights.startswith("random"):
        record.model = f"{record.model} (random weights)"
    record.details["quantization"] = _artifact(plan.deployment, store).json("quantization.json")
    record.details["parity"] = _artifact(plan.deployment, store).json("parity.json")
    record.details["pruning"] = _artifact(plan.tuned.inputs[0], store).json("pruning.json")
    record.details["training"] = _artifact(plan.tuned, store).json("training.json")
    for stage in plan.measurements:
        add_measurements(record, _artifact(stage, store))
    runtime = record.details.get("speed", {}).get("runtime")
    if runtime is not None:
        record.trust["runtime"] = runtime
    record.missing = {name: reason for name, reason in record.missing.items() if name not in record.values}
    record.stages = [stage.address for stage in plan.stages]
    record.details["built_seconds"] = {
        stage.address: _artifact(stage, store).manifest()["seconds"] for stage in plan.stages
    }
    return record


def _identified(weights: str, files: Sequence[Path]) -> str:
    """With the first digits of the SHA-256 of a checkpoint's weights: what lies under a name may become another."""
    # Told here, not by the stage that opens them: a change of its code would build everything anew.
    hashes = [known_hash(path)[:DIGITS] for path in files if path.suffix == ".safetensors"]
    return f"{weights} ({', '.join(hashes)})" if hashes and weights.startswith("checkpoint ") else weights


def add_measurements(record: Record, artifact: Artifact) -> None:
    """Add a stage's numbers, the reasons for those that are missing, and their protocol."""
    for name, found in artifact.json(MEASUREMENTS).items():
        record.values |= found["values"]
        record.missing |= found["missing"]
        if found["details"]:
            record.details[name] = found["details"]
        if found["protocol"]:
            record.trust.setdefault("metrics", {})[name] = found["protocol"]


def pictures(plan: Plan, store: Store) -> Path | None:
    """The variant's picture grid; None where no picture was looked at."""
    for stage in plan.measurements:
        path = _artifact(stage, store).path / PICTURES
        if path.exists():
            return path
    return None


def _artifact(stage: Stage, store: Store) -> Artifact:
    artifact = stage.find(store)
    assert artifact is not None, stage.name
    return artifact


def as_reference(record: Record, row: Any) -> Record:
    """The record of a reference row beside ``record``: same data, no network but where the row can't do without."""
    config, left_out = record.trust["config"], ["config", "runtime", "repaint"]
    told = [config["data"], record.trust["pair_list_hash"]]
    if row.predict is None:
        told += [config["model"][name] for name in ("network", "checkpoint", "official") if name in config["model"]]
    else:
        left_out.append("weights")
    pictures = json.dumps(told, sort_keys=True)
    return Record(
        variant=f"{row.name}-{hashlib.sha256(pictures.encode()).hexdigest()[:6]}",
        role=row.role,
        model="" if row.predict is not None else record.model,
        data=record.data,
        protocol=record.protocol,
        pairs=record.pairs,
        trust={key: value for key, value in record.trust.items() if key not in left_out},
        order=-1,
    )
