"""Training processes of a variant share the threads that its sweep gave it."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

from vtoncompress.finetuning import processes
from vtoncompress.stage.definition import Stage
from vtoncompress.variant import THREADS, _own_threads


@pytest.mark.parametrize(
    "config, each",
    [
        ({"finetuning": {"processes": 2}}, "1"),
        ({"quantization": {"training": {"processes": 2}}}, "1"),
        ({"finetuning": {"processes": 1}}, "2"),
        ({}, "2"),
    ],
)
def test_processes_that_train_together_share_a_variants_threads(
    config: dict[str, Any], each: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    for name in THREADS:
        monkeypatch.setenv(name, "2")
    with _own_threads(Stage("finetuning", "module:make", config)):
        assert processes._environment(2)["OMP_NUM_THREADS"] == each
        assert [name in os.environ for name in THREADS] == [each == "2"] * 2
    assert [os.environ[name] for name in THREADS] == ["2", "2"]
