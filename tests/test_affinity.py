"""A measurement keeps to as many cores as it has threads."""

from __future__ import annotations

import pytest

from vtoncompress.affinity import pinned, usable_cores


def test_the_process_keeps_to_its_cores_and_gets_the_others_back() -> None:
    before = usable_cores()
    with pinned(1) as cores:
        assert cores == usable_cores() == before[:1]
    assert usable_cores() == before
    with pytest.raises(ValueError, match=f"threads=4096: this process may use {len(before)}"), pinned(4096):
        pass
