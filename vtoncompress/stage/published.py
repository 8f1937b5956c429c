"""Published files of weights: which of them are read, and whether they are of the network."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hydra.utils import get_method

from vtoncompress import fingerprint

TARGET = "_target_"


def official_files(model: Mapping[str, Any]) -> dict[str, list[Path]]:
    """Those that were given, by the part of the network that they hold; none where none was.

    Where folders are given, ``official_files`` beside the function that loads them says which of theirs are read: what
    else lies there has no part in the weights. ValueError where one is missing.

    Args:
        model: of a variant's config, resolved.
    """
    options = _options(model)
    if all(path is None for path in options.values()):
        return {}
    if find := _beside(model["official"][TARGET], "official_files"):
        return dict(find(**options))
    return {part: [Path(path)] for part, path in options.items() if path is not None}


def check_official(model: Mapping[str, Any], network: Any) -> None:
    """ValueError for published files that are missing or of another network, as far as it is told without loading them.

    Args:
        model: as above.
        network: the model, on the meta device.
    """
    files = official_files(model)
    if missing := next((path for paths in files.values() for path in paths if not path.is_file()), None):
        raise ValueError(f"there is no checkpoint {missing}: check the path")
    if files and (look := _beside(model["official"][TARGET], "check_official")):
        look(network, **_options(model))


def _options(model: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (model.get("official") or {}).items() if key != TARGET}


def _beside(target: str, name: str) -> Callable[..., Any] | None:
    """The function ``name`` in the module of ``target``; None where it has none, and then nothing is imported."""
    module = target.rpartition(".")[0]
    functions = (node.name for node in fingerprint.read_tree(module).body if isinstance(node, ast.FunctionDef))
    return get_method(f"{module}.{name}") if name in functions else None
