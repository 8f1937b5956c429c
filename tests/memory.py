"""Watch the memory of a sweep of many tiny variants: what one of them left behind would add up.

python -m tests.memory --variants 200
python -m tests.memory --variants 30 --metric cost,size,fid,kid,ssim,psnr,garment,flow_error
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from tests.conftest import ROOT, TOY
from vtoncompress.record import FOLDER

NAME = "memory"
MIB = 2**20


def watch(variants: int, metric: str, folder: Path) -> list[tuple[int, float]]:
    """Run the sweep; (records written, MiB of the sweep's own process without its children), once a second."""
    ratios = ",".join(f"{0.3 + 0.4 * number / variants:.4f}" for number in range(variants))
    command = [sys.executable, str(ROOT / "experiments" / "run.py"), "-m", *TOY, "pruning=one_shot", "export=torch"]
    command += [f"pruning.ratio={ratios}", f"metric=[{metric}]", f"name={NAME}", f"results={folder / 'results'}"]
    found = []
    with (folder / "output").open("wb") as output:
        sweep = subprocess.Popen([*command, f"store={folder / 'store'}"], stdout=output, stderr=subprocess.STDOUT)
        process = psutil.Process(sweep.pid)
        while sweep.poll() is None:
            written = len([*(folder / "results" / NAME / FOLDER).glob("[!.]*")])
            found.append((written, process.memory_info().rss / MIB))
            time.sleep(1)
    assert sweep.returncode == 0, (folder / "output").read_text()
    begun = time.monotonic()
    subprocess.run([*command, f"store={folder / 'store'}"], check=True, capture_output=True)
    print(f"the finished sweep again: {time.monotonic() - begun:.1f} s")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=200)
    parser.add_argument("--metric", default="cost", help="of each variant, as in metric=[...]")
    options = parser.parse_args()
    variants = options.variants
    with tempfile.TemporaryDirectory() as name:
        found = watch(variants, options.metric, Path(name))
        last = (Path(name) / "output").read_text().splitlines()[-1]
    running = [(written, memory) for written, memory in found if 0 < written < variants]
    for begin in range(0, variants, max(1, variants // 10)):
        part = [memory for written, memory in running if begin <= written < begin + max(1, variants // 10)]
        print(f"variants {begin:4d} on: {np.median(part):.1f} MiB" if part else f"variants {begin:4d} on: not seen")
    slope = np.polyfit(*zip(*running, strict=True), 1)[0] * 1024
    print(f"{slope:.1f} KiB a variant over {variants} variants\n{last}")


if __name__ == "__main__":
    main()
