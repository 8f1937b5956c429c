"""A table as it was printed, and what recomputing it found wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Figures:
    """A published table.

    Attributes:
        name: ``file.table``, or ``file`` where a file is one table.
        source: who printed it, in words.
        columns: those of numbers, named as printed.
        rows: name -> column -> number as printed.
        errata: by the number that a mapping gives them: ``1`` is the first of this table, ``other.1`` that of another
            table of the same source.
    """

    name: str
    source: str
    columns: tuple[str, ...]
    rows: dict[str, dict[str, float]]
    errata: dict[str, str]


def read_figures(folder: Path, name: str) -> Figures:
    """The table ``name`` of a file in ``folder``.

    The file has ``source`` and, for each table or at its top, ``columns``, the first of which names the rows; ``rows``,
    a list each; and optionally ``errata``, sentences.

    Raises:
        ValueError: no such table, or one whose rows and columns disagree.
    """
    file, _, table = name.partition(".")
    path = folder / f"{file}.yaml"
    document = read_mapping(path)
    content = document.get(table) if table else document
    if not isinstance(content, Mapping) or not {"columns", "rows"} <= content.keys():
        known = ", ".join(key for key, value in document.items() if isinstance(value, Mapping) and "rows" in value)
        raise ValueError(f"{path} has no table {table or 'at its top'} with columns and rows: it has {known or 'none'}")
    columns = tuple(map(str, content["columns"][1:]))
    rows = {str(label): _numbers(columns, cells, f"{path}: {table} {label}") for label, *cells in content["rows"]}
    return Figures(name, str(document.get("source", file)), columns, rows, _errata(document, table))


def read_mapping(path: Path) -> dict[str, Any]:
    """What a YAML file holds. ValueError where that is no mapping, or there is no file."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"there is no file {path}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no mapping")
    return content


def _numbers(columns: tuple[str, ...], cells: list[Any], place: str) -> dict[str, float]:
    if len(cells) != len(columns) or not all(isinstance(cell, int | float) for cell in cells):
        raise ValueError(f"{place} needs {len(columns)} numbers ({', '.join(columns)}), it has {cells}")
    return dict(zip(columns, map(float, cells), strict=True))


def _errata(document: Mapping[str, Any], table: str) -> dict[str, str]:
    tables = {name: content for name, content in document.items() if isinstance(content, Mapping)}
    if not table:
        tables[""] = document
    return {
        f"{number}" if name == table else f"{name}.{number}": str(text)
        for name, content in tables.items()
        for number, text in enumerate(content.get("errata", ()), start=1)
    }
