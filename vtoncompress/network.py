"""A finished network by the place where it lies, opened in one call."""

from __future__ import annotations

from pathlib import Path

from vtoncompress import checkpoint
from vtoncompress.deployment import FILES
from vtoncompress.model.base import TryOnModel
from vtoncompress.record import read_all
from vtoncompress.shipped import checkpoint_folder
from vtoncompress.store import Store

TRAINED = "finetuning"  # the last stage that keeps a checkpoint


def open_network(source: Path | str, variant: str | None = None, store: Path | str = ".store") -> TryOnModel:
    """The network, pruned or not, in float32 and evaluation mode, built from JSON and safetensors.

    Neither torch-pruning nor the config, the history of what was pruned, nor pickle has a part in it.

    Args:
        source: a checkpoint folder, such as those of the store's stages model, pruning, finetuning and of a deployment
            for eager PyTorch; the name of weights that come with the package; or, with ``variant``, the results folder
            of an experiment.
        variant: a finished row of that experiment, before quantization.
        store: where the experiment's stages are.

    Raises:
        ValueError: nothing is there that can be opened, or a file is damaged.
    """
    if variant is not None:
        return checkpoint.load(_find(Path(source), variant, Store(Path(store))))
    folder = checkpoint_folder(str(source))
    within = folder / FILES
    return checkpoint.load(within if (within / checkpoint.STRUCTURE).is_file() else folder)


def _find(folder: Path, variant: str, store: Store) -> Path:
    rows = {record.variant: record for record in read_all(folder) if record.role == "variant"}
    if variant not in rows:
        known = f"choose one of {', '.join(rows)}" if rows else "run its experiment first, or give its results folder"
        raise ValueError(f"{folder} has no variant {variant}: {known}")
    key = next((key for stage, _, key in (one.partition("/") for one in rows[variant].stages) if stage == TRAINED), "")
    artifact = store.find(TRAINED, key) if key else None
    if artifact is None:
        raise ValueError(f"the network of {variant} is not in the store {store.root.name}: run its experiment again")
    return artifact.path
