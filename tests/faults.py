"""Kill a sweep at random moments, again and again, and hold what is left against a sweep that nobody disturbed.

python -m tests.faults --kills 30
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tests.conftest import ROOT, TOY
from vtoncompress.fingerprint import file_hash
from vtoncompress.record import FOLDER, read, read_all
from vtoncompress.store import RESERVED, Store
from vtoncompress.variant import THREADS

TIMED = ("latency_ms_p50", "latency_ms_p95", "fps", "speedup")
NAME = "faults"
VARIANTS = 12
STARTS = 4
"""At most so many a kill, so that sweeps which end before they can be killed don't go on for ever."""
LOADING = 2.0
"""Seconds in which no variant ends: it loads its libraries."""
ANYWHERE = 1 / 3
"""Share of kills that may come before the first variant has begun, too: while configs are looked at, or where all
variants are finished and only the tables are written."""
COMMON = (
    "-m", *TOY, "pruning=one_shot", "finetuning=supervised", "finetuning.checkpoint_every=1",
    f"name={NAME}", "threads=1", "tracker=null",
)  # fmt: skip
UNTIMED = "metric=[cost,size,garment]"
# Pruned, trained with a checkpoint after every step, exported, looked at and timed: every kind of stage.
SWEEP = (
    *COMMON, "pruning.ratio=0.2,0.4,0.6", "finetuning.samples=4,6", "quantization=none,nncf_ptq",
    "metric=[cost,size,garment,speed]", "metric.speed.seconds=0", "metric.speed.repetitions=2", "metric.speed.turn=1",
)  # fmt: skip
# Without OpenVINO and NNCF, whose loading takes longer than all that is done to so small a network.
CHEAP = (*COMMON, UNTIMED, "export=torch", "pruning.ratio=0.2,0.4,0.6", "finetuning.samples=2,4,6,8")
RUN = str(ROOT / "experiments" / "run.py")
# Where nothing is killed the variants need no processes of their own, each of which would load the libraries again.
IN_ONE_PROCESS = """
import runpy, sys
from vtoncompress import sweep, variant
sweep._run_child = variant.run
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def start(
    folder: Path, arguments: Sequence[str] = SWEEP, command: Sequence[str] = (sys.executable, RUN), told: str = "output"
) -> subprocess.Popen[bytes]:
    """The sweep, in a process group of its own, with its results, its store and what it tells in ``folder``."""
    places = [f"results={folder / 'results'}", f"store={folder / 'store'}"]
    with (folder / told).open("ab") as output:
        return subprocess.Popen(
            [*command, *arguments, *places],
            cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, **dict.fromkeys(THREADS, "1")},
        )  # fmt: skip


def run(folder: Path, arguments: Sequence[str] = SWEEP, one_process: bool = False) -> float:
    """The whole sweep, its variants too in one process or each in its own; returns its seconds."""
    begun = time.monotonic()
    command = (sys.executable, "-c", IN_ONE_PROCESS, RUN) if one_process else (sys.executable, RUN)
    assert start(folder, arguments, command).wait() == 0, (folder / "output").read_text()
    return time.monotonic() - begun


def kill_at_random(
    folder: Path, kills: int, longest: float, chance: random.Random, arguments: Sequence[str] = SWEEP
) -> int:
    """Start the sweep and kill all its processes, until that has hit ``kills`` sweeps at work, looking at what is left.

    A kill comes up to ``longest`` seconds after the sweep's first variant has begun, of some of them after its own
    beginning; sooner where too few variants would be left for the next kills.

    Returns:
        How many sweeps were started.
    """
    hits = starts = 0
    before = finished(folder)
    while hits < kills:
        assert starts < STARTS * kills, f"{starts} sweeps were started and only {hits} could be killed"
        starts += 1
        sweep = start(folder, arguments)
        enough = max(VARIANTS - (kills - hits), len(before) + 1)
        # Of more kills than variants most must come before the one at work ends.
        ahead = len(before) > VARIANTS * (hits + 1) // (kills + 1)
        seconds = chance.uniform(0, min(longest, LOADING) if ahead else longest)
        if _at_work(sweep, folder, seconds, enough, anywhere=chance.random() < ANYWHERE):
            hits += 1
            os.killpg(sweep.pid, signal.SIGKILL)
        sweep.wait()
        check_whole(folder)
        after = finished(folder)
        assert before <= after, f"records were lost: {before - after}"
        before = after
    return starts


def _at_work(sweep: subprocess.Popen[bytes], folder: Path, seconds: float, enough: int, anywhere: bool = False) -> bool:
    """Whether the sweep still runs ``seconds`` after its first variant has begun, or where ``enough`` are finished.

    With ``anywhere`` the seconds are counted from now on.
    """
    begun = time.time()
    logs = folder / "results" / NAME / "logs"
    until = time.monotonic() + seconds if anywhere else None
    while sweep.poll() is None:
        if until is None and any(log.stat().st_mtime > begun for log in logs.glob("*.log")):
            until = time.monotonic() + seconds
        if until is not None and (time.monotonic() >= until or len(finished(folder)) >= enough):
            return True
        time.sleep(0.02)
    return False


def finished(folder: Path) -> set[str]:
    """The variants that have a record."""
    records = read_all(folder / "results" / NAME)
    return {record.variant for record in records if record.role == "variant"}


def check_whole(folder: Path) -> None:
    """Every record can be read, and every artifact is what its manifest says: nothing torn, nothing half-built."""
    for path in (folder / "results" / NAME / FOLDER).glob("[!.]*"):
        assert read(path).status == "done", path
    store = Store(folder / "store")
    for path in store.root.glob("*/[!.]*"):
        if path.parent.name in RESERVED:
            continue
        artifact = store.find(path.parent.name, path.name)
        assert artifact is not None, path
        for name, file in artifact.manifest()["files"].items():
            assert file_hash(path / name) == file["sha256"], path / name


def table(folder: Path) -> pd.DataFrame:
    """The sweep's quality and cost columns, a row a variant; how long a call took is another matter."""
    columns = pd.read_csv(folder / "results" / NAME / "table.csv").set_index("variant").sort_index()
    assert columns.index.is_unique
    return columns.drop(columns=[name for name in TIMED if name in columns])


def built(folder: Path) -> Counter[str]:
    """How often each stage was built, as the logs of the variants tell."""
    logs = (folder / "results" / NAME / "logs").glob("*.log")
    return Counter(stage for log in logs for stage in re.findall(r"(\w+/\w+): built in", log.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        undisturbed, disturbed = Path(name) / "undisturbed", Path(name) / "disturbed"
        undisturbed.mkdir()
        disturbed.mkdir()
        seconds = run(undisturbed)
        print(f"undisturbed: {VARIANTS} variants in {seconds:.0f} s")
        longest = 1.5 * seconds / options.kills + 5  # long enough to load the libraries and get on
        starts = kill_at_random(disturbed, options.kills, longest, random.Random(options.seed))
        run(disturbed)
        check_whole(disturbed)
        pd.testing.assert_frame_equal(table(disturbed), table(undisturbed), check_exact=True)
        print(f"killed {options.kills} of {starts} times: the table is the same, bit for bit")


if __name__ == "__main__":
    main()
