"""Opens saved networks in a process of its own, which has seen no toolkit, and runs them: see ``Reopener``.

It reads a line of JSON a network from its input: ``folder``, ``runtime`` (null for a checkpoint, in eager torch) and
``inputs``, an .npz; and answers with one: ``outputs``, an .npz, and the ``toolkits`` that it had to load.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from vtoncompress.export.base import Runtime, Tensors

ROOT = Path(__file__).resolve().parents[1]
TOOLKITS = ("nncf", "torchao", "neural_compressor")


class Reopener:
    """Starts with the first question, and answers all of them."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._work = tempfile.TemporaryDirectory()

    def __call__(self, folder: Path, inputs: Tensors, runtime: str | None = None) -> Tensors:
        """What the network in ``folder`` makes of ``inputs`` there. AssertionError where that took its toolkit."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.reopen"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        given = Path(self._work.name) / "inputs.npz"
        np.savez(given, **inputs)
        question = {"folder": str(folder.resolve()), "runtime": runtime, "inputs": str(given)}
        print(json.dumps(question), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"{folder} can't be opened elsewhere: its process ended with {self._process.wait()}"
        answer = json.loads(line)
        assert answer["toolkits"] == [], f"{folder} opens with {answer['toolkits']} only"
        with np.load(answer["outputs"]) as outputs:
            return dict(outputs)

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()
        self._work.cleanup()


def _open(folder: Path, runtime: str | None) -> Runtime:
    if runtime is None:
        from vtoncompress import checkpoint
        from vtoncompress.export.torch import TorchRuntime

        return TorchRuntime(checkpoint.load(folder))
    from vtoncompress.export import onnx, openvino

    return {"onnxruntime": onnx, "openvino": openvino}[runtime].open_runtime(folder)


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    inputs = Path(question["inputs"])
    with np.load(inputs) as tensors:
        outputs = _open(Path(question["folder"]), question["runtime"])(dict(tensors))
    target = inputs.with_name("outputs.npz")
    np.savez(target, **outputs)
    return {"outputs": str(target), "toolkits": sorted({*TOOLKITS} & {*sys.modules})}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)
