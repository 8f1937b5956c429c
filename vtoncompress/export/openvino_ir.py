"""A graph of OpenVINO's as files: XML with its structure, a binary with its constants, and what we note in it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vtoncompress.export.base import FORMS
from vtoncompress.export.openvino_quantizers import move_ahead
from vtoncompress.export.stepwise import WHOLE

if TYPE_CHECKING:
    import openvino

# OpenVINO's own choice is bfloat16 on CPUs that have it, which moves PF-AFN's flow by pixels.
EXECUTION_PRECISION = "f32"
PRECISION = "vtoncompress_precision"
"""Key in a graph's file under which :func:`set_precision` says in what it is computed where it isn't integers."""


def disable_telemetry() -> None:
    """Keep OpenVINO and NNCF from reporting their use over the network; they do without their reporter if it's missing.

    To be called before either is imported.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def read_ir(folder: Path, part: str = WHOLE) -> openvino.Model:
    """The graph ``part`` in ``folder``. ValueError where a file is missing or damaged."""
    disable_telemetry()
    import openvino

    structure, weights = folder / f"{part}.xml", folder / f"{part}.bin"
    for file in (structure, weights):
        if not file.is_file():
            raise ValueError(f"{file} is missing: export the network again")
    try:
        return openvino.Core().read_model(structure, weights)
    except RuntimeError as error:
        raise ValueError(f"{structure} or {weights.name} is damaged: export the network again") from error


def write_ir(graph: openvino.Model, folder: Path, part: str = WHOLE) -> None:
    """Write ``graph`` into ``folder``, its quantizers where they are cheapest, with its constants as they are.

    OpenVINO's default is to store float16.
    """
    import openvino

    move_ahead(graph)
    openvino.save_model(graph, folder / f"{part}.xml", compress_to_fp16=False)


def read_forms(graph: openvino.Model) -> dict[str, str]:
    """What :meth:`TryOnModel.forms` told when the graph was made; empty where nobody noted it."""
    forms: dict[str, str] = json.loads(_told(graph, FORMS, "{}"))
    return forms


def write_forms(graph: openvino.Model, forms: Mapping[str, str]) -> None:
    """Note it, in place."""
    graph.set_rt_info(json.dumps(forms), FORMS)


def set_precision(graph: openvino.Model, precision: str) -> None:
    """Let ``graph`` be opened in ``bf16`` or ``f32`` from now on, whatever the runtime would choose."""
    graph.set_rt_info(precision, PRECISION)


def read_precision(folder: Path, part: str) -> str:
    """What :func:`set_precision` noted, read from the graph's text: building the graph for it takes 20 MiB."""
    structure, weights = folder / f"{part}.xml", folder / f"{part}.bin"
    for file in (structure, weights):
        if not file.is_file():
            raise ValueError(f"{file} is missing: export the network again")
    found = re.search(rf'<{PRECISION} value="(\w+)"', structure.read_text(errors="replace"))
    return found[1] if found else EXECUTION_PRECISION


def _told(graph: openvino.Model, key: str, otherwise: str) -> str:
    return str(graph.get_rt_info(key).astype(str)) if graph.has_rt_info(key) else otherwise


def store_integers(graph: openvino.Model) -> None:
    """Store weights that are rounded to 8 bits as such, in place; without it they are float32 that is rounded later."""
    from openvino._offline_transformations import compress_quantize_weights_transformation

    compress_quantize_weights_transformation(graph)
