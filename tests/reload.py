"""Open every deployed network of a finished sweep in a process of its own, and hold it against what was measured.

python -m tests.reload results/quantization_modes --store .store

The parity gate ran where a network was made. Here the same pairs go through the files alone, in a fresh process: every
difference from the torch network must come out as the record has it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vtoncompress.record import FOLDER, Record, read

RELATIVE = 1e-6


def measure(store: Path, record: Record) -> dict[str, float]:
    """The parity of ``record``'s deployed network with its torch network, found by this process."""
    from hydra.utils import instantiate

    from vtoncompress import checkpoint
    from vtoncompress.deployment import FILES, open_deployment
    from vtoncompress.export.parity import check_parity
    from vtoncompress.try_on import to_tensors

    places = dict(stage.split("/") for stage in record.stages)
    config = record.trust["config"]
    data = instantiate({**config["data"], "pairs": config["parity_pairs"]})
    inputs = [to_tensors(pair.person, pair.garment, pair.garment_mask) for pair in data]
    model = checkpoint.load(store / "finetuning" / places["finetuning"])
    runtime = open_deployment(store / "deployment" / places["deployment"] / FILES).runtime
    return check_parity(model, runtime, inputs, float("inf"))


def difference(found: Mapping[str, float], record: Record) -> float:
    """The largest relative difference between the parity found and the recorded one."""
    recorded = record.details["parity"]
    return max(abs(value - recorded[name]) / max(abs(recorded[name]), 1e-9) for name, value in found.items())


def measured_elsewhere(store: Path, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.reload", str(path), "--store", str(store), "--one"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.store, read(arguments.results))))
        return
    different = 0
    rows: list[Any] = []
    for path in sorted((arguments.results / FOLDER).glob("*.json")):
        record = read(path)
        if record.role != "variant" or record.status != "done":
            continue
        found = measured_elsewhere(arguments.store, path)
        away = difference(found, record)
        different += away > RELATIVE
        rows.append(record.variant)
        print(f"{record.variant}: parity {found['parity_mean']:.4g} levels, {away:.1e} from its record", flush=True)
    print(f"{len(rows) - different} of {len(rows)} deployed networks reopened to what was measured")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
