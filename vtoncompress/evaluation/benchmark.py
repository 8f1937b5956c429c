"""One FID by another tool's own command and by ours: the same number, how fast, in how much memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from vtoncompress.environment import environment
from vtoncompress.evaluation.pictures import find_pictures
from vtoncompress.fingerprint import file_hash
from vtoncompress.metric.inception import DIMENSIONS, FILE_NAME, HASH_PREFIX, build_network
from vtoncompress.metric.inception_stand_in import write_stand_in, write_torchscript

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("pytorch_fid", "clean_fid")
IMPORTABLE = "from vtoncompress.metric.torchvision_import import make_torchvision_importable as make; make(); "
PYTORCH_FID = IMPORTABLE + "from pytorch_fid.fid_score import main; main()"
CLEAN_FID = IMPORTABLE + (
    "import sys, torch; from cleanfid import fid; from cleanfid.inception_torchscript import InceptionV3W; "
    "print('FID: ', fid.compare_folders(*sys.argv[1:3], InceptionV3W(sys.argv[3], download=False), 'clean', "
    "num_workers=2, batch_size=32, device=torch.device('cpu'), verbose=False))"
)


@dataclass(frozen=True)
class Run:
    """``fid``, wall ``seconds`` of the whole command, and its largest process' ``peak_mib`` of resident memory."""

    name: str
    fid: float
    seconds: float
    peak_mib: float


def compare(config: Mapping[str, Any]) -> list[Run]:
    """The other tool, ours with nothing cached, and ours with the reference features in the store.

    Args:
        config: resolved ``conf/benchmark_fid.yaml``.

    Raises:
        ValueError: a choice that isn't there, a folder without pictures, or a command that fails.
    """
    if config["tool"] not in TOOLS or config["dimension"] not in DIMENSIONS:
        raise ValueError(
            f"tool={config['tool']} dimension={config['dimension']}: choose one of {', '.join(TOOLS)} and one of "
            f"{', '.join(map(str, DIMENSIONS))}"
        )
    if config["tool"] == "clean_fid" and config["dimension"] != 2048:
        raise ValueError(f"tool=clean_fid has 2048 features only: leave out dimension={config['dimension']}")
    for option in ("prediction", "reference"):
        find_pictures(option, Path(config[option]))
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        given = config["inception_weights"]
        weights = write_stand_in(scratch) if given is None else Path(given)
        theirs = _run(config["tool"], _their_command(config, weights, scratch), {"TORCH_HOME": str(scratch / "torch")})
        ours = _our_command(config, weights, scratch)
        return [theirs, _run("vtoncompress", ours), _run("vtoncompress, reference features cached", ours)]


def _their_command(config: Mapping[str, Any], weights: Path, scratch: Path) -> list[str]:
    folders = [str(Path(config[option]).resolve()) for option in ("prediction", "reference")]
    if config["tool"] == "pytorch_fid":
        hub = scratch / "torch" / "hub" / "checkpoints"
        hub.mkdir(parents=True)
        (hub / FILE_NAME).symlink_to(weights.resolve())
        return ["-c", PYTORCH_FID, *folders, "--device", "cpu", "--dims", str(config["dimension"])]
    if config["clean_fid_weights"] is None:
        folder = write_torchscript(build_network(weights, 2048), scratch).parent
    else:
        folder = Path(config["clean_fid_weights"]).resolve().parent
    return ["-c", CLEAN_FID, *folders, str(folder)]


def _our_command(config: Mapping[str, Any], weights: Path, scratch: Path) -> list[str]:
    features = "inception" if file_hash(weights).startswith(HASH_PREFIX) else "stand_in"
    return [
        str(ROOT / "experiments" / "evaluate.py"), f"prediction='{config['prediction']}'", "variant=ours",
        f"reference='{config['reference']}'", "protocol=pf_afn_viton", "protocol.pairs=null", "protocol.size=null",
        f"features={features}", f"inception_weights='{weights}'", "~protocol.metric.kid",
        f"protocol.metric.fid.inception_resizing={config['tool']}",
        f"protocol.metric.fid.inception_dimension={config['dimension']}", "protocol.metric.fid.resamples=0",
        f"results='{scratch}/results'", f"store='{scratch}/store'",
    ]  # fmt: skip


def _run(name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            [sys.executable, *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        output.seek(0)
        told = output.read()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise ValueError(f"{name} failed: {told.strip().splitlines()[-1] if told.strip() else 'it said nothing'}")
    return Run(name, _number(told, command), seconds, usage.ru_maxrss / 1024)


def _number(told: str, command: Sequence[str]) -> float:
    """From the record that our command wrote, in full precision, or from what another tool prints."""
    results = [argument.partition("=")[2].strip("'") for argument in command if argument.startswith("results=")]
    if results:
        values = json.loads((Path(results[0]) / "evaluate" / "records" / "ours.json").read_text())["values"]
        return float(next(value for name, value in values.items() if name.startswith("fid")))
    printed = re.search(r"FID:\s+(\S+)", told)
    assert printed is not None, told
    return float(printed[1])


def protocol(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the runs of :func:`compare` depend on: pictures, features, weights, machine and versions."""
    weights = config["inception_weights"]
    return {
        "pictures": sum(len(find_pictures(option, Path(config[option]))) for option in ("prediction", "reference")),
        "dimension": config["dimension"],
        "inception_weights": f"sha256 {file_hash(Path(weights))}" if weights else "seeded stand-in",
        **environment(),
        "versions": {name: metadata.version(name) for name in (config["tool"].replace("_", "-"), "torch", "scipy")},
    }


def report(runs: Sequence[Run], told: Mapping[str, Any]) -> str:
    """The runs as a Markdown table, how far each is from the first, and the protocol of :func:`protocol` below it."""
    first = runs[0]
    lines = [
        "| command | FID | relative difference | time (s) | speedup | pictures a second | peak memory (MiB) |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run in runs:
        lines.append(
            f"| {run.name} | {run.fid:.6f} | {abs(run.fid - first.fid) / abs(first.fid):.1e} | {run.seconds:.1f} | "
            f"{first.seconds / run.seconds:.2f} | {told['pictures'] / run.seconds:.1f} | {run.peak_mib:.0f} |"
        )
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    lines += [
        "",
        f"- Of {told['pictures']} pictures in both folders; Inception's {told['dimension']} features, weights: "
        f"{told['inception_weights']}. Whole commands, their start included, one after the other.",
        f"- On {told['cpu']}, {told['threads_available']} threads ({', '.join(told['instruction_set'])}); {versions}.",
    ]
    return "\n".join(lines)


def as_json(runs: Sequence[Run], told: Mapping[str, Any]) -> str:
    """For the results folder."""
    return json.dumps({"protocol": told, "runs": [asdict(run) for run in runs]}, indent=1) + "\n"
