"""Triton's kernels are the function and the gradients that the loop defines; without a GPU, by Triton's interpreter."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vtoncompress.model.pf_afn.correlation.layer import CHOICES, form_for


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_it_gives_the_value_and_the_gradients_of_the_loop() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    environment = {**os.environ, **({} if device == "cuda" else {"TRITON_INTERPRET": "1"})}
    code = f"from tests.model.pf_afn.gpu_kernel import main; main({device!r})"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=root)
    assert done.stdout == "equal\n", done.stderr


def test_a_kernel_runs_where_it_is_asked_for_or_says_that_it_can_not() -> None:
    assert form_for("triton", graph=False, device="cuda") == "triton"
    assert form_for("compiled", graph=False) == "compiled"
    assert form_for("fastest", graph=False, device="cuda") == "banded"  # until it was timed on one
    assert form_for("fastest", graph=False, dtype=torch.float64) == "banded"
    assert {form_for(choice, graph=True) for choice in CHOICES if choice != "loop"} == {"banded"}
    for choice, device, dtype in (
        ("triton", "cpu", torch.float32), ("triton", "cuda", torch.float64), ("compiled", "cuda", torch.float32),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"correlation={choice} runs on"):
            form_for(choice, graph=False, device=device, dtype=dtype)
