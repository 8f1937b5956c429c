"""A worker process whose rows are computed: ``fake_worker.py SETTINGS.json BASE.json SECONDS [LOG]``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.search.conftest import FakeRun, quick_row
from vtoncompress.search import row, worker

if __name__ == "__main__":
    request, base, seconds, log = sys.argv[1:]
    known = json.loads(Path(base).read_text())
    row.row_config = lambda *arguments: quick_row(known, *arguments)
    fake = FakeRun(float(seconds))

    def run(config: dict[str, Any]) -> Any:
        with Path(log).open("a") as file:
            file.write(f"{config['variant']}\n")
        try:
            return fake(config)
        except KeyboardInterrupt:
            time.sleep(1)  # as a variant takes that writes why it has no result
            with Path(log).open("a") as file:
                file.write("cleaned\n")
            raise

    sys.exit(worker.main(request, run))
