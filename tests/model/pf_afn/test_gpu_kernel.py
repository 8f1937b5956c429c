"""Triton's kernels are the function and the gradients that the loop defines; without a GPU, by Triton's interpreter."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vtoncompress.model.pf_afn.correlation.layer import form_for


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_it_gives_the_value_and_the_gradients_of_the_loop() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    environment = {**os.environ, **({} if device == "cuda" else {"TRITON_INTERPRET": "1"})}
    code = f"from tests.model.pf_afn.gpu_kernel import main; main({device!r})"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=root)
    assert done.stdout == "equal\n", done.stderr


def test_it_runs_where_it_is_asked_for_on_a_gpu() -> None:
    assert form_for("triton", graph=False, device="cuda") == "triton"
    assert form_for("triton", graph=False) == "compiled"
    assert form_for("triton", graph=True) == "banded"
    assert form_for("triton", graph=False, device="cuda", dtype=torch.float64) == "banded"
    assert form_for("fastest", graph=False, device="cuda") == "banded"  # until it was timed on one
