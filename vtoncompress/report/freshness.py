"""Whether a page already shows what there is: then a sweep that built nothing has nothing to draw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from vtoncompress.fingerprint import code_hash, files_hash
from vtoncompress.picture_grid import CHOSEN
from vtoncompress.picture_grid import FOLDER as PICTURES
from vtoncompress.published.mapping import FOLDER as PUBLISHED
from vtoncompress.record import FOLDER as RECORDS
from vtoncompress.report.origin import COMMAND
from vtoncompress.report.sensitivity import KINDS

HERE = Path(__file__).parent
TOP = 1000  # characters of a page within which it says what it was made of


def digest(folders: Sequence[Path]) -> str:
    """A hash of all that a page on these results folders is made of, its code and template included."""
    content = [code_hash(["vtoncompress.report.write"]), *map(_of, folders), files_hash(sorted(HERE.glob("page.*")))]
    content.append(files_hash(sorted(PUBLISHED.glob("*.yaml"))))
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def is_fresh(page: Path, made_of: str) -> bool:
    """Whether the page was made of what has this digest."""
    if not page.is_file():
        return False
    with page.open(encoding="utf-8") as file:
        return made_of in file.read(TOP)


def _of(folder: Path) -> list[str]:
    return [folder.name, files_hash(sorted(_files(folder)))]


def _files(folder: Path) -> Iterator[Path]:
    yield from (folder / RECORDS).glob("[!.]*.json")
    for pictures in (folder / PICTURES, folder / PICTURES / CHOSEN):
        yield from pictures.glob("[!.]*.png")
    beside = [folder / COMMAND]
    for pattern, points, table, _ in KINDS:
        for analysis in sorted(folder.parent.glob(pattern)):
            beside += [analysis / f"{points}.csv", analysis / f"{table}.md", analysis / f"{points}.svg"]
    yield from (path for path in beside if path.is_file())
