"""Which options of a config count, and whether they are what they must be: asked of the code that takes them."""

from __future__ import annotations

import ast
import functools
import inspect
import json
import operator
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.utils import get_class, instantiate

from vtoncompress import fingerprint

Config = Mapping[str, Any]
TARGET = "_target_"
GROUPS = ("criterion", "pruning", "finetuning", "quantization")
COMMON: dict[str, Any] = {
    "seed": int, "validation_pairs": int, "parity_pairs": int, "deployed_threads": int | None, "threads": int | None,
    "performance": str, "dry_run": bool, "retry_failed": bool, "retry_disturbed": bool,
}  # fmt: skip
LEAST = {"seed": 0, "validation_pairs": 1, "parity_pairs": 1, "deployed_threads": 1, "threads": 1}
STRUCTURES: dict[str, tuple[type, str]] = {
    "calibration": (Mapping, "a group of options, such as calibration.pairs=64,"),
    "quantization.training": (Mapping, "a group of options, such as quantization.training.samples=1600,"),
    "quantization.float_layers": (list, "a list, such as quantization.float_layers=[warp.aflow_net],"),
}
"""What is no number and no object, by name: its type, and how it is written."""
NAMES: dict[str, Any] = {"int": int, "float": float, "bool": bool, "str": str, "None": types.NoneType}
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", types.NoneType: "null"}


def built(node: Config) -> Any:
    """The object that a config describes, made once for equal ones: it is to be asked, not to be changed.

    A sweep checks hundreds of variants that share most of their choices.
    """
    return _built(json.dumps(node, sort_keys=True))


@functools.lru_cache(maxsize=256)
def _built(node: str) -> Any:
    return instantiate(json.loads(node))


def effective(config: Config) -> dict[str, Any]:
    """``config`` without the options that its choices swallow unused, so that they don't tell equal variants apart.

    Every option exists in every choice of a group, for a sweep over the group to compose; ``pruning=none`` has a ratio
    that it does not look at, and with it scope and criterion mean nothing.
    """
    reduced: dict[str, Any] = {group: config[group] and used(config[group]) for group in GROUPS}
    if reduced["pruning"].keys() == {TARGET}:
        reduced |= {"scope": {"name": "", "modules": []}, "criterion": None}
    if not declared(config["pruning"][TARGET], "ranks_channels", True):
        reduced["criterion"] = None
    return {**config, **reduced}


def used(node: Config) -> dict[str, Any]:
    """``node`` with its target and the options that the target's constructor takes by name."""
    names = _parameters(node[TARGET])
    return {key: value for key, value in node.items() if names is None or key == TARGET or key in names}


@functools.cache
def defines(target: str, method: str) -> bool:
    """Whether the class ``target`` has a ``method`` of its own; read from the source, as :func:`used` is."""
    module, _, name = target.rpartition(".")
    return any(
        isinstance(function, ast.FunctionDef) and function.name == method
        for node in fingerprint.read_tree(module).body
        if isinstance(node, ast.ClassDef) and node.name == name
        for function in node.body
    )


@functools.cache
def declared(target: str, name: str, default: Any) -> Any:
    """The constant ``name`` that the class ``target`` gives itself, or ``default``; read from the source, too."""
    module, _, kind = target.rpartition(".")
    for node in fingerprint.read_tree(module).body:
        if isinstance(node, ast.ClassDef) and node.name == kind:
            for line in node.body:
                if isinstance(line, ast.Assign) and [ast.unparse(one) for one in line.targets] == [name]:
                    return ast.literal_eval(line.value)
    return default


@functools.cache
def _parameters(target: str) -> frozenset[str] | None:
    """Read from the source, for to import a target may mean to import torch. None where it is no class.

    A class without an ``__init__`` of its own has one that takes the options of its group and uses none.
    """
    module, _, name = target.rpartition(".")
    for node in fingerprint.read_tree(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for function in node.body:
                if isinstance(function, ast.FunctionDef) and function.name == "__init__":
                    arguments = function.args
                    return frozenset(one.arg for one in (*arguments.args, *arguments.kwonlyargs))
            return frozenset()
    return None


def check_kinds(config: Config, kinds: Mapping[str, Any], least: Mapping[str, float]) -> None:
    """ValueError for the first option of ``kinds`` that is of another type, or below ``least``."""
    for name, kind in kinds.items():
        if name in config:
            _check(name, config[name], kind)
            if config[name] is not None and config[name] < least.get(name, config[name]):
                raise ValueError(f"{name}={config[name]}: use {least[name]} or more")


def check_types(config: Config) -> None:
    """ValueError for the first option whose value is of another type than what takes it says."""
    check_kinds(config, COMMON, LEAST)
    for name, (kind, needed) in STRUCTURES.items():
        *groups, option = name.split(".")
        node = functools.reduce(lambda inner, group: inner.get(group) or {}, groups, config)
        if option in node and not isinstance(node[option], kind):
            raise ValueError(f"{name}={node[option]}: {needed} is needed")
    for path, node in _targets(config, ""):
        if not node[TARGET].rpartition(".")[2][0].isupper():
            continue  # a function
        for name, parameter in inspect.signature(get_class(node[TARGET])).parameters.items():
            if name in node and (kind := _kind(parameter.annotation)) is not None:
                _check(f"{path}.{name}", node[name], kind)


def _kind(annotation: Any) -> Any:
    """The type that an annotation means; None for a list, a path or an object, whose own constructor says more."""
    names = str(annotation).split(" | ")
    if any(name not in NAMES for name in names):
        return None
    return functools.reduce(operator.or_, [NAMES[name] for name in names])


def check_budget(config: Config) -> None:
    """ValueError where there is no training data, or training is to see more pairs than it has."""
    if config["training_data"] is None:
        raise ValueError(
            "training_data=null: training, gradients and calibration look at pairs; leave it out, or name a data set"
        )
    pairs, finetuning = len(built(config["training_data"])), used(config["finetuning"])
    for name in ("samples", "batch_norm_pairs"):
        if (asked := finetuning.get(name, 0)) > pairs:
            raise ValueError(
                f"finetuning.{name}={asked}, but the training data has {pairs} pairs: use {pairs} or fewer"
            )
    if "quantization" in config:
        _check_material(config, used(config["quantization"]), pairs)


def _check_material(config: Config, mode: Config, pairs: int) -> None:
    """ValueError where the training data has too few pairs for what a mode looks at."""
    last, left = pairs, ""
    if "budget" in mode:
        validation = config["validation_pairs"]
        last, left = pairs - validation, f", the last {validation} of them for validation"
        if validation < 2 or last < 1:
            raise ValueError(f"validation_pairs={validation}: use 2 or more, and fewer than {pairs}")
        if mode.get("ranking_pairs", 0) >= validation:
            raise ValueError(
                f"quantization.ranking_pairs={mode['ranking_pairs']}: use fewer than validation_pairs={validation}, of "
                "which ranking takes a first look"
            )
    calibrates = mode.keys() > {TARGET} and declared(mode[TARGET], "calibrates", True)
    for name, samples in (
        ("quantization.training.samples + quantization.skip", _trained_on(mode)),
        ("calibration", built(config["calibration"]).last if calibrates else 0),
    ):
        if samples > last:
            raise ValueError(f"{name}={samples}, but the training data has {pairs} pairs{left}: use {last} or fewer")


def _trained_on(quantization: Config) -> int:
    return int(quantization["training"].get("samples", 0)) + int(quantization["skip"]) if "skip" in quantization else 0


def _check(name: str, value: Any, kind: Any) -> None:
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if isinstance(value, bool):
        fits = bool in kinds
    else:
        fits = isinstance(value, tuple(kinds)) or (float in kinds and isinstance(value, int))
    if not fits:
        raise ValueError(f"{name}={value}: {' or '.join(WORDS[one] for one in kinds)} is needed")


def _targets(value: Any, path: str) -> Iterator[tuple[str, Config]]:
    """Every mapping with a target, with its dotted path."""
    if isinstance(value, Mapping):
        if TARGET in value:
            yield path, value
        for key, inner in value.items():
            yield from _targets(inner, f"{path}.{key}" if path else str(key))
