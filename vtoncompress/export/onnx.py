"""ONNX Runtime on a CPU: one file with graph and weights."""

from __future__ import annotations

import ast
import importlib.util
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtoncompress.export.base import FORMS, Exporter, Runtime, Tensors
from vtoncompress.export.performance import LATENCY, streams
from vtoncompress.export.stepwise import WHOLE, open_parts, write_call
from vtoncompress.export.stored_parts import parts_of_onnx

if TYPE_CHECKING:
    import onnx

    from vtoncompress.model.base import Graph, TryOnModel

MODEL_FILE = "model.onnx"
# grid_sample gives the same result at 18, 20 and 22; 20 is the newest that every NNCF pattern was written against.
OPSET = 20
LARGEST = 2**31 - 2**20
"""Bytes of weights that fit into a graph's own file, which ends at 2 GiB."""


def read_onnx(folder: Path, part: str = WHOLE) -> onnx.ModelProto:
    """The graph ``part`` in ``folder``. ValueError where the file is missing or damaged."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    file = folder / f"{part}.onnx"
    if not file.is_file():
        raise ValueError(f"{file} is missing: export the network again")
    try:
        return onnx.load(file)
    except DecodeError as error:
        raise ValueError(f"{file} is damaged: export the network again") from error


def write_onnx(graph: onnx.ModelProto, folder: Path, part: str = WHOLE) -> None:
    """Write ``graph`` into ``folder``; weights are in a file of their own where one can't hold all."""
    import onnx

    apart = sum(len(weight.raw_data) for weight in graph.graph.initializer) > LARGEST
    onnx.save(graph, folder / f"{part}.onnx", save_as_external_data=apart, location=f"{part}.weights")


def read_forms(graph: onnx.ModelProto) -> dict[str, str]:
    """What :meth:`TryOnModel.forms` told when the graph was made; empty where nobody noted it."""
    return json.loads(next((note.value for note in graph.metadata_props if note.key == FORMS), "{}"))


def write_forms(graph: onnx.ModelProto, forms: Mapping[str, str]) -> None:
    """Note it, in place of what was noted."""
    others = [note for note in graph.metadata_props if note.key != FORMS]
    kept = {note.key: note.value for note in others} | {FORMS: json.dumps(forms)}
    del graph.metadata_props[:]
    for key, value in kept.items():
        graph.metadata_props.add(key=key, value=value)


class ONNXRuntime(Runtime):
    """A session on the CPU provider.

    Args:
        folder: with ``model.onnx``.
        threads: within an operation; null for all physical cores.
        part: the graph's name, where the folder has more than one.
        performance: see :data:`vtoncompress.export.performance.CHOICES`.

    Raises:
        ValueError: the file is missing or damaged.
    """

    def __init__(self, folder: Path, threads: int | None = None, part: str = WHOLE, performance: str = LATENCY) -> None:
        import onnxruntime

        self._performance, self._streams = performance, streams(performance, threads)
        if self._streams > 1:
            threads = 1

        self._file = folder / f"{part}.onnx"
        if not self._file.is_file():
            raise ValueError(f"{self._file} is missing: export the network again")
        options = onnxruntime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        # Warnings tell how the runtime rewrites the graph; nobody can act on them.
        options.log_severity_level = 3
        before = _live_threads()
        try:
            self._session = onnxruntime.InferenceSession(self._file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no base class but this
            raise ValueError(f"{self._file} is damaged: export the network again") from error
        # The caller's thread works too. A session doesn't tell how many threads it started when none were asked for.
        self._threads = threads or 1 + _live_threads() - before
        self.inputs = [entry.name for entry in self._session.get_inputs()]
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, inputs: Tensors) -> Tensors:
        known = {name: inputs[name] for name in self.inputs}
        return dict(zip(self._outputs, self._session.run(self._outputs, known), strict=True))

    def many(self, inputs: Sequence[Tensors]) -> list[Tensors]:
        """As :meth:`Runtime.many`: as many calls side by side as there are threads, where they are set for that."""
        if self._streams == 1:
            return super().many(inputs)
        with ThreadPoolExecutor(self._streams) as pool:
            return list(pool.map(self, inputs))

    def describe(self) -> dict[str, Any]:
        import onnxruntime

        return {
            "runtime": "onnxruntime",
            "version": onnxruntime.__version__,
            "device": "cpu",
            "providers": self._session.get_providers(),
            "threads": self._threads * self._streams,
            "performance": self._performance,
            "streams": self._streams,
            "many": "one after another" if self._streams == 1 else f"{self._streams} side by side",
            # What is stored as float32 runs as float32: the CPU provider has no other way.
            "execution_precision": "f32",
            "forms": json.loads(self._session.get_modelmeta().custom_metadata_map.get(FORMS, "{}")),
            **_stored(self._file.parent, self._file.stem),
        }


def _live_threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 0


def _stored(folder: Path, part: str) -> dict[str, dict[str, int]]:
    """Bytes of constants by element type, as ``{"f32": 64}``, and by part; nothing without the onnx package."""
    if importlib.util.find_spec("onnx") is None:
        return {}
    import onnx

    model, stored = read_onnx(folder, part), Counter[str]()
    for constant in model.graph.initializer:
        element = onnx.helper.tensor_dtype_to_np_dtype(constant.data_type)
        name = element.name.replace("float", "f").replace("uint", "u").replace("int", "i")
        packed = 2 if name in ("i4", "u4") else 1  # in the file; numpy gives each a byte
        stored[name] += -(-math.prod(constant.dims) * element.itemsize // packed)
    return {"stored_bytes": dict(stored), "stored_parts": parts_of_onnx(model)}


def _tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Name nodes after their module, as ``warp.aflow_net.netMain.0.6/node_conv2d_3``; drop the exporter's notes."""
    graph = model.graph
    for node in graph.node:
        notes = {note.key: note.value for note in node.metadata_props}
        # The whole network's scope, the modules' from the outside in, the torch operation.
        scopes = ast.literal_eval(notes.get("pkg.torch.onnx.name_scopes", "['', '']"))
        node.name = f"{scopes[-2]}/{node.name}"
    for item in [graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
        del item.metadata_props[:]
    return model


def _store_integers(model: onnx.ModelProto, network: TryOnModel) -> onnx.ModelProto:
    """Give integer convolutions their integers; the exporter writes some as float32 that is rounded at each start."""
    from onnx import numpy_helper
    from onnxscript import optimizer

    from vtoncompress.model.integer_convolution import IntegerConv2d

    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, IntegerConv2d)}
    made_by = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        name = node.name.split("/")[0]
        if node.op_type != "Conv" or name not in layers:
            continue
        layer, dequantize = layers[name], made_by[node.input[1]]
        assert dequantize.op_type == "DequantizeLinear", dequantize.op_type
        stored = {"weight": layer.weight, "scale": layer.scale, "zero_point": layer.zero_point.char()}
        model.graph.initializer.extend(
            numpy_helper.from_array(tensor.numpy(), f"{name}/integer_{key}") for key, tensor in stored.items()
        )
        dequantize.input[:] = [f"{name}/integer_{key}" for key in stored]
    if layers:
        optimizer.remove_unused_nodes(model)
    return model


def open_runtime(folder: Path, threads: int | None = None, performance: str = LATENCY) -> Runtime:
    """Open what :class:`ONNXExporter` wrote. ValueError where the file is missing or damaged."""
    return open_parts(folder, lambda part: ONNXRuntime(folder, threads, part, performance))


def _free(source: Graph) -> dict[str, dict[int, Any]]:
    """Which sizes of which inputs are left open, as torch's exporter wants it."""
    from torch.export import Dim

    return {name: dict.fromkeys(source.free.get(name, ()), Dim.DYNAMIC) for name in source.example}


class ONNXExporter(Exporter):
    """One file for each graph of the model, batch norms folded where a convolution precedes them.

    Args:
        dynamic: whether the graphs of a model that works in steps take pictures of any size and number.
    """

    runtime = "onnxruntime"

    def __init__(self, dynamic: bool = False) -> None:
        self.dynamic = dynamic

    def export(self, model: TryOnModel, folder: Path) -> None:
        import torch

        from vtoncompress.export.onnx_storage import store
        from vtoncompress.export.tracing import fold_batch_norms, quiet
        from vtoncompress.model.stored_convolution import make_ordinary
        from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d
        from vtoncompress.progress import tracked

        frozen = fold_batch_norms(model, share=True)
        layers = make_ordinary(frozen, WeightOnlyConv2d)
        folder.mkdir(parents=True, exist_ok=True)
        for part, source in tracked("graphs exported", frozen.graphs().items()):
            with quiet():
                program = torch.onnx.export(
                    source.module,
                    kwargs=source.example,
                    dynamic_shapes=_free(source) if self.dynamic else None,
                    output_names=source.outputs or list(source.module(**source.example)),
                    opset_version=OPSET,
                    dynamo=True,
                    verbose=False,
                )
            assert program is not None
            graph = _store_integers(_tidy(program.model_proto), frozen)
            store(graph, layers)
            write_forms(graph, frozen.forms(graph=True))
            write_onnx(graph, folder, part)
        write_call(model, folder)

    def open(self, folder: Path) -> Runtime:
        return open_runtime(folder)
