"""What is deployed comes out of its files alone as it was measured."""

from __future__ import annotations

import pytest

from tests import reload
from tests.conftest import Sweep
from vtoncompress.record import FOLDER, read


@pytest.mark.parametrize("quantization", ["none", "nncf_ptq"])
def test_a_fresh_process_finds_the_parity_of_the_record(sweep: Sweep, quantization: str) -> None:
    paths = [
        path
        for path in (sweep.folder / FOLDER).glob("*.json")
        if (record := read(path)).role == "variant" and record.quantization == quantization
    ]
    found = reload.measured_elsewhere(sweep.store, paths[0])
    assert found > 0
    assert reload.difference(found, read(paths[0])) <= reload.TOLERANCE


def test_another_network_is_told(sweep: Sweep) -> None:
    records = [read(path) for path in sorted((sweep.folder / FOLDER).glob("*.json"))]
    quantized = [record for record in records if record.role == "variant" and record.quantization == "nncf_ptq"]
    found = reload.measure(sweep.store, quantized[0])
    assert reload.difference(found, quantized[1]) > reload.TOLERANCE
