"""Float32 stays float32, and convolutions can be found by their module's name."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from vtoncompress.export.openvino import open_runtime
from vtoncompress.export.openvino_ir import read_ir
from vtoncompress.model.pf_afn import PFAFN


def test_float32_is_stored_and_executed_as_such(model: PFAFN, exported: dict[str, Path]) -> None:
    described = open_runtime(exported["openvino"]).describe()
    assert described["execution_precision"] == "f32"
    assert set(described["executed_layers"]) == {"f32"}
    assert described["stored_bytes"]["f32"] >= 4 * sum(
        layer.weight.numel() for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)
    )
    assert 'element_type="f16"' not in (exported["openvino"] / "model.xml").read_text()


def test_every_convolution_is_named_after_its_module(model: PFAFN, exported: dict[str, Path]) -> None:
    expected = {name for name, layer in model.named_modules() if isinstance(layer, torch.nn.Conv2d)}
    graph = read_ir(exported["openvino"])
    names = [node.get_friendly_name() for node in graph.get_ops() if node.get_type_name() == "Convolution"]
    assert {re.match("__module\\.([^/]+)/", name)[1] for name in names} == expected


def test_shapes_are_fixed(exported: dict[str, Path]) -> None:
    graph = read_ir(exported["openvino"])
    assert {port.any_name: list(port.shape) for port in graph.inputs} == {
        "person": [1, 3, 96, 64],
        "garment": [1, 3, 96, 64],
        "garment_mask": [1, 1, 96, 64],
    }
