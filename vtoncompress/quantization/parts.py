"""The graphs of a model that works in steps, changed one at a time, so that one at most is in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from vtoncompress.export.graph_edit import Graph, edited_graph, read_graph
from vtoncompress.export.stepwise import parts_of
from vtoncompress.progress import tracked
from vtoncompress.quantization.layers import module_of


def edited_parts(folder: Path, runtime: str, layers: Sequence[str]) -> Iterator[tuple[str, list[str], Graph]]:
    """Name, layers and graph of each part that has some of ``layers``.

    A graph is written back when the next one is asked for.

    Args:
        folder: with the graphs of a model that works in steps.
        runtime: that they are for.
        layers: names of the model's layers, each of which is in one of the graphs or more.
    """
    parts = parts_of(folder)
    own = {part: _held(folder, runtime, part, layers) for part in parts}
    assert {name for names in own.values() for name in names} == {*layers}, "a layer is in no graph"
    chosen = [part for part, names in own.items() if names]
    for part in tracked("graphs quantized", chosen):
        with edited_graph(folder, runtime, part) as graph:
            yield part, own[part], graph


def _held(folder: Path, runtime: str, part: str, layers: Sequence[str]) -> list[str]:
    modules = {module_of(name) for name in read_graph(folder, runtime, part).kinds}
    return [name for name in layers if name in modules]
