"""Where the numbers of a page come from, and the command that makes them again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vtoncompress.record import ROOT, Record
from vtoncompress.summary import group_by

COMMAND = "command.txt"
"""In the results folder of a run: the command line that wrote it last."""


def command_of(folder: Path) -> str | None:
    """What to type in the repository to get this table again; None where nobody kept it."""
    if (folder / COMMAND).is_file():
        return (folder / COMMAND).read_text(encoding="utf-8").strip()
    if (ROOT / "conf" / "experiment" / f"{folder.name}.yaml").is_file():
        return f"python experiments/run.py experiment={folder.name}"
    return None


def machines(records: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """(machine and versions in words, variants), one for each that rows were measured on."""
    told = group_by(
        (_machine(one.trust), one.variant) for one in records if one.role == "variant" and "cpu" in one.trust
    )
    return [(text, names) for text, names in told.items()]


def _machine(trust: dict[str, Any]) -> str:
    sets = ", ".join(trust.get("instruction_set", ()))
    versions = ", ".join(f"{name} {version}" for name, version in trust.get("versions", {}).items())
    return (
        f"{trust['cpu']}, {trust.get('threads_available', '?')} threads ({sets}), {trust.get('os', '')}, "
        f"Python {trust.get('python', '')}; {versions}"
    )


def config_of(record: Record) -> str:
    """The resolved config of a row, to be read."""
    return json.dumps(record.trust.get("config", {}), indent=1, ensure_ascii=False)
