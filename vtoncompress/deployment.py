"""A deployed network: a folder of one runtime's files and the manifest that says what they are and how to call them."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from vtoncompress.export.base import Exporter, Runtime
from vtoncompress.export.performance import LATENCY, check_performance
from vtoncompress.fingerprint import file_hash
from vtoncompress.try_on import TryOn

FORMAT = 1
MANIFEST = "manifest.json"
FILES = "files"  # the folder of a stage that is deployed


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says.

    Attributes:
        exporter: name of the module in :mod:`vtoncompress.export` that opens the files.
        runtime: what runs them: ``torch``, ``torch_compile``, ``onnxruntime``, ``openvino``.
        model: name of the model config, for example ``pf_afn_small``.
        size: (height, width) of all pictures, in pixels.
        convention: the checkpoint's numeric convention; None where a model knows only one.
        protocol: the protocol under which ``measured`` was measured; None where nothing was.
        measured: figures of the record, by column.
        versions: versions of the libraries that wrote the files.
        files: SHA-256 of every other file in the folder, by its path relative to it.
        inputs, outputs: shape, type and value range of every tensor, by name.
        multiple: pictures may be of any size whose sides are multiples of it; None where ``size`` is the only one.
        dense: whether nothing of it was compressed, nor trained further; None where that is not known.
        origin: where its weights come from before compression; None likewise.
        format: version of this layout.
    """

    exporter: str
    runtime: str
    model: str
    size: tuple[int, int]
    convention: str | None
    protocol: str | None
    measured: Mapping[str, Any]
    versions: Mapping[str, str]
    files: Mapping[str, str]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    multiple: int | None = None
    dense: bool | None = None
    origin: str | None = None
    format: int = FORMAT


def write_manifest(
    folder: Path,
    exporter: Exporter,
    *,
    model: str,
    size: tuple[int, int],
    convention: str | None = None,
    protocol: str | None = None,
    measured: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
    inputs: Sequence[str] = ("person", "garment", "garment_mask"),
    multiple: int | None = None,
) -> Manifest:
    """Describe what ``exporter`` wrote into ``folder``; arguments as in :class:`Manifest`. Written last, and whole."""
    height, width = size
    picture = {"shape": [1, 3, height, width], "type": "float32", "range": [-1, 1], "from_uint8": "v / 127.5 - 1"}
    mask = {"shape": [1, 1, height, width], "type": "float32", "range": [0, 1], "from_uint8": "v / 255"}
    image = {"shape": [1, 3, height, width], "type": "float32", "range": [-1, 1], "to_uint8": "round((v + 1) * 127.5)"}
    manifest = Manifest(
        exporter=type(exporter).__module__.rpartition(".")[2],
        runtime=exporter.runtime,
        model=model,
        size=(height, width),
        convention=convention,
        protocol=protocol,
        measured=dict(measured or {}),
        versions=dict(versions or {}),
        files={name: file_hash(folder / name) for name in _files(folder)},
        inputs={name: mask if name.endswith("mask") else picture for name in inputs},
        outputs={"image": image},
        multiple=multiple,
    )
    return _write(folder, manifest)


def add_figures(
    folder: Path, protocol: str, measured: Mapping[str, Any], dense: bool | None = None, origin: str | None = None
) -> Manifest:
    """Put what was measured under ``protocol``, and what that was, into the manifest of a folder that
    :func:`read_manifest` accepts; arguments as in :class:`Manifest`."""
    manifest = read_manifest(folder)
    return _write(folder, replace(manifest, protocol=protocol, measured=dict(measured), dense=dense, origin=origin))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a deployed folder whose files are all there and unchanged.

    Raises:
        ValueError: no such folder, not a manifest of this format, or a file that is missing or was changed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(f"{folder} is no deployed network, it has no {MANIFEST}: write one with experiments/export.py")
    try:
        values = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged: export the network again") from error
    written = values.get("format") if isinstance(values, dict) else None
    if written != FORMAT:
        raise ValueError(f"{path} has format {written}, this version reads {FORMAT}: export the network again")
    try:
        height, width = values.pop("size")
        manifest = Manifest(size=(int(height), int(width)), **values)
        hashes = dict(manifest.files)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} has wrong fields: export the network again") from error
    _check_files(folder, hashes)
    return manifest


def open_deployment(
    folder: Path | str,
    threads: int | None = None,
    cache: Path | None = None,
    devices: Mapping[str, str] | None = None,
    size: Sequence[int] | None = None,
    performance: str = LATENCY,
) -> TryOn:
    """Open a deployed folder for try-on calls, after checking every file's hash.

    Args:
        folder: what ``experiments/export.py`` wrote.
        threads: CPU threads; None for the runtime's own choice.
        cache: folder in which the runtime keeps the compiled network for the next opening; None keeps none.
        devices: graph -> the runtime's name of what runs it, ``{"unet": "GPU"}``; the CPU runs what it does not name.
        size: (height, width) of pictures, where the network takes others than its own.
        performance: what the threads are set for, see :data:`vtoncompress.export.performance.CHOICES`.

    Raises:
        ValueError: as :func:`read_manifest`, or a runtime that is unknown, not installed, keeps nothing, or knows no
            throughput, no devices or not these; or a size that it does not take.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    chosen = manifest.size if size is None else _check_size(folder, manifest, size)
    return TryOn(_open_runtime(manifest.exporter, folder, threads, cache, devices, performance), chosen)


def _check_size(folder: Path, manifest: Manifest, size: Sequence[int]) -> tuple[int, int]:
    if len(size) != 2 or any(isinstance(side, bool) or not isinstance(side, int) or side < 1 for side in size):
        raise ValueError(f"size={list(size)}: give height and width in pixels")
    multiple, (height, width) = manifest.multiple, size
    if multiple is None and (height, width) != manifest.size:
        own = "x".join(map(str, manifest.size))
        raise ValueError(
            f"{folder} takes pictures of {own} alone: leave size out, or export it with export.dynamic=true"
        )
    if multiple is not None and (height % multiple or width % multiple):
        raise ValueError(f"size={list(size)}: height and width must be multiples of {multiple} for {folder}")
    return height, width


def keeps_compiled(exporter: str) -> bool:
    """Whether what a module of :mod:`vtoncompress.export` opens can be kept compiled."""
    return _takes(exporter, "cache")


def check_performance_of(exporter: str, performance: str) -> None:
    """ValueError where what a module of :mod:`vtoncompress.export` opens can't be set for ``performance``."""
    check_performance(performance)
    if performance != LATENCY and not _takes(exporter, "performance"):
        raise ValueError(f"export={exporter} computes one call at a time: use performance={LATENCY}")


def _takes(exporter: str, option: str) -> bool:
    open_runtime = importlib.import_module(f"vtoncompress.export.{exporter}").open_runtime
    return option in inspect.signature(open_runtime).parameters


def _open_runtime(
    exporter: str,
    folder: Path,
    threads: int | None,
    cache: Path | None,
    devices: Mapping[str, str] | None,
    performance: str,
) -> Runtime:
    # The name comes from a file: nothing outside vtoncompress.export is ever imported for it.
    module = f"vtoncompress.export.{exporter}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", str(exporter)) or importlib.util.find_spec(module) is None:
        raise ValueError(f"{folder / MANIFEST} names the unknown exporter {exporter!r}: export the network again")
    try:
        open_runtime = getattr(importlib.import_module(module), "open_runtime", None)
        if open_runtime is None:
            raise ValueError(f"{folder / MANIFEST} names {exporter!r}, which opens nothing: export the network again")
        if cache is not None and not keeps_compiled(exporter):
            raise ValueError(f"{exporter} keeps no compiled network: open {folder} without a cache")
        if devices and not _takes(exporter, "devices"):
            raise ValueError(f"{exporter} runs on the CPU alone: open {folder} without devices")
        check_performance_of(exporter, performance)
        options: dict[str, Any] = {} if cache is None else {"cache": cache}
        options |= {"devices": devices} if devices else {}
        options |= {} if performance == LATENCY else {"performance": performance}
        runtime: Runtime = open_runtime(folder, threads, **options)
    except ModuleNotFoundError as error:
        raise ValueError(f"{folder} needs the package {error.name}: pip install {error.name}") from error
    return runtime


def _write(folder: Path, manifest: Manifest) -> Manifest:
    unfinished = folder / f".{MANIFEST}.part"
    unfinished.write_text(json.dumps(asdict(manifest), indent=2) + "\n")
    os.replace(unfinished, folder / MANIFEST)
    return manifest


def _files(folder: Path) -> list[str]:
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != MANIFEST)


def _check_files(folder: Path, hashes: Mapping[str, str]) -> None:
    for name, expected in hashes.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{folder / MANIFEST} names a file outside its folder, {name!r}: do not use it")
        if not path.is_file():
            raise ValueError(f"{path} is missing: export the network again")
        if file_hash(path) != expected:
            raise ValueError(f"{path} was changed or damaged since it was exported: export the network again")
