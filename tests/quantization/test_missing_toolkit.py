"""Needs no torchao, which is not in CI: what is told where it is missing."""

from __future__ import annotations

import importlib.util

import pytest

from tests.quantization.conftest import configured


@pytest.mark.parametrize("mode", ["torchao_ptq", "torchao_qat"])
def test_a_missing_toolkit_is_named(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torchao" else find(name))
    with pytest.raises(Exception, match=rf"quantization={mode} needs torchao: pip install 'vtoncompress\[torchao\]'"):
        configured(mode)
