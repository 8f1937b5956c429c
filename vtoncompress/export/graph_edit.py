"""Changing what an exporter wrote: read the graph, hand it over, and put the new files in place of the old ones."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtoncompress.export import onnx as onnx_export
from vtoncompress.export import openvino as openvino_export
from vtoncompress.export.stepwise import WHOLE


@dataclass
class Graph:
    """An exported graph.

    Attributes:
        proto: ``openvino.Model`` or ``onnx.ModelProto``; what is assigned here is written.
        kinds: operation of each node, by name.
    """

    proto: Any
    kinds: Mapping[str, str]


def read_graph(folder: Path, runtime: str, part: str = WHOLE) -> Graph:
    """The graph ``part`` in ``folder``. ValueError where a file is missing or damaged."""
    if runtime == "openvino":
        model = openvino_export.read_ir(folder, part)
        return Graph(model, {node.get_friendly_name(): node.get_type_name() for node in model.get_ops()})
    assert runtime == "onnxruntime", runtime
    proto = onnx_export.read_onnx(folder, part)
    return Graph(proto, {node.name: node.op_type for node in proto.graph.node})


@contextmanager
def edited_graph(folder: Path, runtime: str, part: str = WHOLE) -> Iterator[Graph]:
    """The graph ``part`` in ``folder``, written back at the end; where the work fails, the files are as they were.

    What was noted of the forms of its operations stays: toolkits that make a new graph forget such notes.
    """
    export: Any = openvino_export if runtime == "openvino" else onnx_export
    write = openvino_export.write_ir if runtime == "openvino" else onnx_export.write_onnx
    graph = read_graph(folder, runtime, part)
    forms = export.read_forms(graph.proto)
    # Files are memory-mapped while they are read, so the new ones must not be written over them.
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        yield graph
        export.write_forms(graph.proto, forms)
        write(graph.proto, Path(fresh), part)
        for file in Path(fresh).iterdir():
            os.replace(file, folder / file.name)
