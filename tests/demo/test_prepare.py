"""What a page shows that ships networks which this machine can't make."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vtoncompress import pipeline
from vtoncompress.demo import prepare
from vtoncompress.export.parity import ParityError


@pytest.mark.parametrize("refused", ["INT8", "float32"])
def test_a_page_does_without_what_is_refused_but_not_without_dense(
    refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(precision: str) -> tuple[SimpleNamespace, float]:
        if precision == refused:
            raise ParityError("it differs by 12 levels of 255")
        return SimpleNamespace(path=tmp_path), 0.0

    def plan(config: dict[str, Any]) -> SimpleNamespace:
        return SimpleNamespace(deployment=SimpleNamespace(build=lambda store: build(config["precision"])))

    monkeypatch.setattr(pipeline, "plan", plan)
    monkeypatch.setattr(
        prepare, "configs", lambda store, models: [("net", one, {"precision": one}) for one in ("float32", "INT8")]
    )
    if refused == "float32":
        with pytest.raises(ParityError):
            prepare.main(tmp_path, ["net"])
        return
    prepare.main(tmp_path, ["net"])
    out, err = capsys.readouterr()
    assert out == f"net, float32\tdense\t{tmp_path / 'files'}\n"
    assert err == "net, INT8 is left out: it differs by 12 levels of 255\n"
