"""One file, free of the exporter's notes, with batch norms folded and nodes that tell their module."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch

from vtoncompress.export import onnx as export
from vtoncompress.model.pf_afn import PFAFN


def test_every_convolution_is_named_after_its_module(model: PFAFN, exported: dict[str, Path]) -> None:
    expected = {name for name, layer in model.named_modules() if isinstance(layer, torch.nn.Conv2d)}
    nodes = export.read_onnx(exported["onnx"]).graph.node
    assert {node.name.split("/")[0] for node in nodes if node.op_type == "Conv"} == expected
    assert len({node.name for node in nodes}) == len(nodes)


def test_one_file_without_notes(exported: dict[str, Path]) -> None:
    assert [file.name for file in exported["onnx"].iterdir()] == ["model.onnx"]
    graph = export.read_onnx(exported["onnx"])
    onnx.checker.check_model(graph, full_check=True)
    assert b"pkg.torch" not in graph.SerializeToString()


def test_only_batch_norms_that_no_convolution_precedes_are_left(model: PFAFN, exported: dict[str, Path]) -> None:
    left = [node.name for node in export.read_onnx(exported["onnx"]).graph.node if node.op_type == "BatchNormalization"]
    first_of_block = [name for name, _ in model.named_modules() if name.endswith(".block.0") and "features" in name]
    assert sorted(name.split("/")[0] for name in left) == sorted(first_of_block)
