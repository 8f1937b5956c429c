"""What a visitor can choose: deployed networks, from results whose files are in the store or from exported folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtoncompress.delivery import deployed, descent
from vtoncompress.deployment import FILES, read_manifest
from vtoncompress.export.base import Runtime
from vtoncompress.export.stepwise import read_call
from vtoncompress.record import Record, read_all
from vtoncompress.store import Store

MEBI = 2**20
OPTIONS = ("steps", "guidance", "seed")
"""Of a sampler, what a visitor may choose."""


@dataclass(frozen=True)
class Recipe:
    """A deployed network.

    Attributes:
        name: what it is called on the page.
        folder: its files.
        model: name of its model config.
        runtime: what runs it.
        size_mib: of all its files.
        dense: whether nothing of it was compressed, nor trained further.
        quality: garment SSIM as measured; None where it was not.
        inputs: names of what it looks at, see :class:`vtoncompress.export.base.Runtime`.
        sampling: ``steps``, ``guidance`` and ``seed`` of its own, of a network that paints in steps; None of others.
        origin: where its weights come from before compression; results of one model and origin are compared.
    """

    name: str
    folder: Path
    model: str
    runtime: str
    size_mib: float
    dense: bool
    quality: float | None = None
    inputs: tuple[str, ...] = tuple(Runtime.inputs)
    sampling: Mapping[str, float] | None = None
    origin: str = ""

    def is_kin(self, other: Recipe) -> bool:
        """Whether both are made of one network."""
        return (self.model, self.origin) == (other.model, other.origin)


def from_results(results: Path, store: Store, names: Sequence[str] | None = None) -> list[Recipe]:
    """The finished rows whose deployed files are in the store.

    Args:
        results: folder of experiments.
        store: where their stages are.
        names: of experiments; None for all that have records.

    Raises:
        ValueError: a name without records, or a damaged record.
    """
    known = sorted(path.parent for path in results.glob("**/records") if path.is_dir())
    folders = known if names is None else [results / name for name in names]
    for folder in folders:
        if folder not in known:
            told = ", ".join(path.relative_to(results).as_posix() for path in known) or "none"
            raise ValueError(f"there are no records of {folder.name} in {results}: choose among {told}")
    return [
        recipe
        for folder in folders
        for one in read_all(folder)
        for recipe in _of(one, folder.relative_to(results), store)
    ]


def _of(record: Record, experiment: Path, store: Store) -> Iterator[Recipe]:
    artifact = deployed(record, store) if record.status == "done" else None
    if artifact is not None:
        name = f"{experiment.as_posix()}/{record.variant}"
        if str(record.trust.get("weights", "")).startswith("random"):
            name += " (random weights)"
        dense, origin = descent(record)
        yield open_recipe(name, artifact.path / FILES, dense, record.values.get("ssim_garment"), origin)


def open_recipe(
    name: str, folder: Path, dense: bool | None = None, quality: float | None = None, origin: str | None = None
) -> Recipe:
    """What is in a deployed folder, by its manifest what is not given. ValueError where it is none, or was damaged."""
    manifest = read_manifest(folder)
    dense = bool(manifest.dense if dense is None else dense)
    origin = (manifest.origin if origin is None else origin) or ""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MEBI
    measured = manifest.measured.get("ssim_garment") if quality is None else quality
    call = read_call(folder)
    sampling = None if call is None else {option: call[option] for option in OPTIONS}
    inputs = tuple(manifest.inputs) or tuple(Runtime.inputs)
    return Recipe(name, folder, manifest.model, manifest.runtime, size, dense, measured, inputs, sampling, origin)
