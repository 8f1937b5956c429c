"""What a number depends on besides the code: processor, system, library versions."""

from __future__ import annotations

import functools
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from vtoncompress import __version__

LIBRARIES = (
    "torch", "openvino", "nncf", "onnx", "onnxruntime", "torch-pruning", "neural-compressor", "torchao",
    "diffusers", "numba", "numpy", "scipy", "pillow",
)  # fmt: skip
# Packages that are imported by another name than theirs with underscores.
IMPORTED_AS = {"pillow": "PIL"}
# What decides which kernels a runtime picks; names as in Linux's /proc/cpuinfo.
INSTRUCTION_SETS = (
    "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8",
    "asimd", "asimddp", "i8mm", "bf16", "sve",
)  # fmt: skip


def environment() -> dict[str, Any]:
    """Processor, threads, instruction set, system and library versions; nothing that names the machine or its user.

    Reads package metadata instead of importing the libraries.
    """
    cpu = _cpu_info()
    flags = (cpu.get("flags") or cpu.get("Features") or "").split()
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": cpu_name(),
        "cores": _cores(),
        "threads_available": available,
        "instruction_set": [name for name in INSTRUCTION_SETS if name in flags],
        "os": f"{platform.system()} {platform.release().partition('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {"vtoncompress": __version__}
        | {name: version for name in LIBRARIES if (version := library_version(name))},
    }


def cpu_name() -> str:
    """As the kernel calls it."""
    return _cpu_info().get("model name") or platform.processor() or platform.machine()


def library_of(module: str) -> str | None:
    """The package of :data:`LIBRARIES` that an imported module, such as ``torch_pruning.importance``, belongs to."""
    return _imported().get(module.partition(".")[0])


@functools.cache
def _imported() -> dict[str, str]:
    return {IMPORTED_AS.get(name, name.replace("-", "_")): name for name in LIBRARIES}


@functools.cache
def library_version(library: str) -> str | None:
    """Of the installed package; None where it is not installed."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _cores() -> int | None:
    import psutil  # only a record's author needs it

    return psutil.cpu_count(logical=False) or os.cpu_count()


def _cpu_info() -> dict[str, str]:
    """What Linux says of the first processor; empty elsewhere."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return {}
    pairs = (line.partition(":") for line in info.read_text().partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
