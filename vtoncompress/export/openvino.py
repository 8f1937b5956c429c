"""OpenVINO on a CPU: an IR with float32 constants, executed in float32 where it isn't quantized."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtoncompress.export.base import Exporter, LayerTime, Runtime, Tensors
from vtoncompress.export.openvino_ir import (
    disable_telemetry,
    read_forms,
    read_ir,
    read_precision,
    store_integers,
    write_forms,
    write_ir,
)
from vtoncompress.export.openvino_profile import layer_times
from vtoncompress.export.openvino_split import split
from vtoncompress.export.performance import LATENCY, streams
from vtoncompress.export.resident_memory import release
from vtoncompress.export.stepwise import WHOLE, open_parts, parts_of, write_call
from vtoncompress.export.stored_parts import parts_of_openvino

if TYPE_CHECKING:
    import openvino

    from vtoncompress.model.base import TryOnModel

CPU = "CPU"


class OpenVINORuntime(Runtime):
    """A compiled IR.

    Args:
        folder: with ``model.xml`` and ``model.bin``.
        threads: null for all physical cores.
        cache: folder for the compiled network, which the next opening takes from there; null keeps none.
        part: the graph's name, where the folder has more than one.
        performance: see :data:`vtoncompress.export.performance.CHOICES`.
        device: OpenVINO's name of what runs it, such as ``GPU``.

    Raises:
        ValueError: a file is missing or damaged, or there is no such device.
    """

    def __init__(
        self,
        folder: Path,
        threads: int | None = None,
        cache: Path | None = None,
        part: str = WHOLE,
        performance: str = LATENCY,
        device: str = CPU,
    ) -> None:
        disable_telemetry()
        import openvino

        precision = read_precision(folder, part)
        self._streams = streams(performance, threads)
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": performance.upper(),
            "NUM_STREAMS": self._streams,
            "INFERENCE_PRECISION_HINT": precision,
        }
        if threads is not None and device == CPU:
            settings["INFERENCE_NUM_THREADS"] = threads
        if cache is not None:
            settings["CACHE_DIR"] = str(cache)
        self._core, self._settings, self._device = openvino.Core(), settings, device
        self._folder, self._part, self._cache = folder, part, cache
        _check_device(self._core.available_devices, device)
        self._split: dict[tuple[str, ...], tuple[openvino.CompiledModel, openvino.CompiledModel]] = {}
        try:
            self._compiled = self._core.compile_model(folder / f"{part}.xml", device, settings)
        except RuntimeError as error:
            read_ir(folder, part)  # which tells what is damaged
            raise ValueError(f"{folder / part}.xml can't be run here: {str(error).splitlines()[-1]}") from error
        self._request = self._compiled.create_infer_request()
        self.inputs = [port.any_name for port in self._compiled.inputs]
        self._outputs = {port.any_name: port for port in self._compiled.outputs}
        release(cache)

    def __call__(self, inputs: Tensors) -> Tensors:
        results = self._request.infer({name: inputs[name] for name in self.inputs}, share_inputs=True)
        return {name: results[port] for name, port in self._outputs.items()}

    def many(self, inputs: Sequence[Tensors]) -> list[Tensors]:
        """As :meth:`Runtime.many`: as many calls side by side as there are streams."""
        if self._streams == 1:
            return super().many(inputs)
        import openvino

        results: list[Tensors] = [{} for _ in inputs]

        def keep(request: openvino.InferRequest, place: int) -> None:
            # The request's memory is the next call's.
            found = {name: request.get_tensor(port).data.copy() for name, port in self._outputs.items()}
            results[place] = found

        waiting = openvino.AsyncInferQueue(self._compiled, self._streams)
        waiting.set_callback(keep)
        for place, one in enumerate(inputs):
            waiting.start_async({name: one[name] for name in self.inputs}, userdata=place, share_inputs=True)
        waiting.wait_all()
        return results

    def reuse(self, fixed: Tensors) -> Callable[[Tensors], Tensors]:
        """As :meth:`Runtime.reuse`; the first call for a set of inputs compiles the two halves of the graph."""
        names = tuple(sorted(fixed))
        if names not in self._split:
            halves = split(self._file, names)
            first, rest = (self._core.compile_model(half, self._device, self._settings) for half in halves)
            self._split[names] = first, rest
            release(self._cache)
        first, rest = self._split[names]
        found = first.create_infer_request().infer(fixed)
        features = [found[port] for port in first.outputs]
        request = rest.create_infer_request()
        others = [port.any_name for port in rest.inputs[: len(rest.inputs) - len(features)]]
        outputs = {port.any_name: port for port in rest.outputs}

        def call(inputs: Tensors) -> Tensors:
            given = dict(enumerate([*(inputs[name] for name in others), *features]))
            results = request.infer(given, share_inputs=True)
            return {name: results[port] for name, port in outputs.items()}

        return call

    def profile(self, inputs: Tensors, repetitions: int) -> list[LayerTime]:
        """As :meth:`Runtime.profile`, of a second copy of the network that counts."""
        compiled = self._core.compile_model(self._file, self._device, {**self._settings, "PERF_COUNT": True})
        return layer_times(compiled, {name: inputs[name] for name in self.inputs}, repetitions)

    def rates(self) -> dict[str, float]:
        """As :meth:`Runtime.rates`, with the threads of this network."""
        from vtoncompress.export.openvino_convolution import best_rate

        threads = self._compiled.get_property("INFERENCE_NUM_THREADS")
        return {"f32": best_rate("f32", threads), "u8": best_rate("int8", threads)}

    def describe(self) -> dict[str, Any]:
        import openvino

        executed: Counter[str] = Counter()
        for node in self._compiled.get_runtime_model().get_ops():
            details = node.get_rt_info()
            if details["layerType"].astype(str) in ("Convolution", "MatMul"):
                executed[details["runtimePrecision"].astype(str).lower()] += 1
        rest = self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        return {
            "runtime": "openvino",
            "version": openvino.get_version(),
            "device": self._core.get_property(self._device, "FULL_DEVICE_NAME"),
            "instruction_set": self._core.get_property(self._device, "OPTIMIZATION_CAPABILITIES"),
            "threads": self._compiled.get_property("INFERENCE_NUM_THREADS") if self._device == CPU else None,
            "performance": str(self._compiled.get_property("PERFORMANCE_HINT")).lower(),
            "streams": self._compiled.get_property("NUM_STREAMS"),
            "many": "one after another" if self._streams == 1 else f"{self._streams} side by side",
            "execution_precision": f"bf16 and {rest}" if "bf16" in executed and rest != "bf16" else rest,
            "executed_layers": dict(executed),
            **self._stored(),
        }

    @functools.cached_property
    def _file(self) -> openvino.Model:
        """Not kept from the opening: its weights would be in memory beside the compiled ones."""
        return read_ir(self._folder, self._part)

    def _stored(self) -> dict[str, Any]:
        stored: Counter[str] = Counter()
        for node in self._file.get_ops():
            if node.get_type_name() == "Constant":
                stored[node.output(0).element_type.to_string()] += node.get_byte_size()
        return {
            "stored_bytes": dict(stored), "stored_parts": parts_of_openvino(self._file), "forms": read_forms(self._file)
        }  # fmt: skip


def open_runtime(
    folder: Path,
    threads: int | None = None,
    cache: Path | None = None,
    devices: Mapping[str, str] | None = None,
    performance: str = LATENCY,
) -> Runtime:
    """Open what :class:`OpenVINOExporter` wrote.

    Args:
        folder, threads, cache, performance: see :class:`OpenVINORuntime`.
        devices: graph -> what runs it; the CPU for those that it does not name.

    Raises:
        ValueError: a file is missing or damaged, or there is no such graph or device.
    """
    known = parts_of(folder)
    if unknown := [part for part in devices or {} if part not in known]:
        raise ValueError(f"devices.{unknown[0]}: {folder} has no such graph, it has {', '.join(known)}")
    return open_parts(
        folder, lambda part: OpenVINORuntime(folder, threads, cache, part, performance, (devices or {}).get(part, CPU))
    )


def _check_device(known: Sequence[str], device: str) -> None:
    # A device may be one of several of its kind (GPU.1); plugins spread work over some of them (AUTO:GPU,CPU).
    named = device.partition(":")[2].split(",") if ":" in device else [device]
    here = {*known, *(one.partition(".")[0] for one in known), "AUTO", "HETERO"}
    if missing := [one for one in named if one not in here]:
        raise ValueError(f"OpenVINO finds no device {missing[0]} here: choose one of {', '.join(known)}")


class OpenVINOExporter(Exporter):
    """An IR for each graph of the model, batch norms folded where a convolution precedes them.

    Args:
        dynamic: whether the graphs of a model that works in steps take pictures of any size and number.
    """

    runtime = "openvino"

    def __init__(self, dynamic: bool = False) -> None:
        self.dynamic = dynamic

    def export(self, model: TryOnModel, folder: Path) -> None:
        disable_telemetry()
        import openvino

        from vtoncompress.export.openvino_storage import store
        from vtoncompress.export.tracing import fold_batch_norms, quiet
        from vtoncompress.model.stored_convolution import make_ordinary
        from vtoncompress.progress import tracked

        frozen = fold_batch_norms(model, share=True)
        layers = make_ordinary(frozen)
        folder.mkdir(parents=True, exist_ok=True)
        for part, source in tracked("graphs exported", frozen.graphs().items()):
            with quiet():
                graph = openvino.convert_model(
                    source.module,
                    example_input=source.example,
                    input=[(name, source.shape(name, self.dynamic)) for name in source.example],
                )
            for port, name in zip(graph.inputs, source.example, strict=True):
                port.get_tensor().set_names({name})  # alone: it takes the names of what equals it, such as itself / 1
            for port, name in zip(graph.outputs, source.outputs, strict=bool(source.outputs)):
                port.get_tensor().set_names({name})
            store_integers(graph)
            store(graph, layers)
            write_forms(graph, frozen.forms(graph=True))
            write_ir(graph, folder, part)
        write_call(model, folder)

    def open(self, folder: Path) -> Runtime:
        return open_runtime(folder)
