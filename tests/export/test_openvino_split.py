"""What stays the same is computed once, and the picture is that of an ordinary call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vtoncompress.export.base import Tensors
from vtoncompress.export.openvino import open_runtime
from vtoncompress.export.openvino_ir import read_ir
from vtoncompress.export.openvino_split import split

GARMENT, PERSON = ("garment", "garment_mask"), ("person",)


@pytest.mark.parametrize("fixed", [GARMENT, PERSON])
def test_it_paints_what_an_ordinary_call_paints(
    fixed: tuple[str, ...], exported: dict[str, Path], inputs: list[Tensors]
) -> None:
    runtime = open_runtime(exported["openvino"])
    same = {name: inputs[0][name] for name in fixed}
    call = runtime.reuse(same)
    for tensors in inputs:
        others = {name: value for name, value in tensors.items() if name not in fixed}
        expected, found = runtime(others | same), call(others)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-3)


@pytest.mark.parametrize("fixed, encoder", [(GARMENT, "image"), (PERSON, "cond")])
def test_every_convolution_is_on_one_side(fixed: tuple[str, ...], encoder: str, exported: dict[str, Path]) -> None:
    graph = read_ir(exported["openvino"])
    first, rest = split(graph, fixed)
    mine, others, every = (
        {node.get_friendly_name() for node in one.get_ops() if node.get_type_name() == "Convolution"}
        for one in (first, rest, graph)
    )
    assert mine == {name for name in every if f".{encoder}_F" in name or f".{encoder}_features" in name}
    assert others == every - mine
    assert len(graph.get_parameters()) == 3  # left alone


def test_an_unknown_input_is_refused(exported: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="no input hat: it has"):
        split(read_ir(exported["openvino"]), ["hat"])
