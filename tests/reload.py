"""Open every deployed network of a finished sweep in a process of its own, and hold it against what was measured.

python -m tests.reload results/quantization_modes --store .store

The parity gate ran where a network was made. Here the same pairs go through the files alone, in a fresh process: the
difference from the torch network must come out as the record has it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from vtoncompress.record import FOLDER, Record, read

TOLERANCE = 1e-3
"""Levels of 255. Sums that end beside a step of INT8 make 1e-6 in the mean; another network makes more than 0.01."""


def measure(store: Path, record: Record) -> float:
    """Levels of 255 by which ``record``'s deployed network, opened by this process, is from its torch network."""
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
    return check_parity(model, runtime, inputs, float("inf"))["parity_mean"]


def difference(found: float, record: Record) -> float:
    """Levels between the parity found and the recorded one."""
    return abs(found - float(record.details["parity"]["parity_mean"]))


def measured_elsewhere(store: Path, path: Path) -> float:
    """As :func:`measure` for the record in ``path``, by a process of its own."""
    command = [sys.executable, "-m", "tests.reload", str(path), "--store", str(store), "--one"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(measure(arguments.store, read(arguments.results)))
        return
    differences = []
    for path in sorted((arguments.results / FOLDER).glob("*.json")):
        record = read(path)
        if record.role == "variant" and record.status == "done":
            found = measured_elsewhere(arguments.store, path)
            differences.append(difference(found, record))
            print(f"{record.variant}: parity {found:.4g} levels, {differences[-1]:.1e} from its record", flush=True)
    same = sum(away <= TOLERANCE for away in differences)
    print(f"{same} of {len(differences)} deployed networks reopened to what was measured")
    sys.exit(same < len(differences))


if __name__ == "__main__":
    main()
