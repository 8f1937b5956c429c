"""Records that survive a power cut.

Apart from :mod:`vtoncompress.record`, which is code of what measures widths for pruning by time: a line changed there
builds what was pruned so, and trained, again.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from vtoncompress.durability import save, save_folder
from vtoncompress.record import FOLDER, Record, write


def write_durably(record: Record, folder: Path) -> Path:
    """As :func:`vtoncompress.record.write`, on the disk before it takes the name under which it is looked for.

    Renamed alone, a record could be there but empty after a power cut, and damaged ones end a sweep.
    """
    records = folder / FOLDER
    records.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=records, prefix=".", suffix=".part") as unfinished:
        path = write(record, Path(unfinished))
        save(path)
        os.replace(path, records / path.name)
    save_folder(records)
    return records / path.name
