"""From a checkpoint of ours to upstream's layout, and an attention checkpoint into one of ours."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from vtoncompress import checkpoint
from vtoncompress.model.cat_vton.cat_vton import CatVTON
from vtoncompress.model.cat_vton.official import load_attention, save_attention, save_official
from vtoncompress.shipped import checkpoint_folder

LAYOUTS: dict[str, Callable[[CatVTON, Path], None]] = {
    "upstream": save_official,
    "attention": save_attention,
    "checkpoint": checkpoint.save,
}


def rewrite(source: str, layout: str, out: Path, attention: Path | str | None = None) -> None:
    """Write a CatVTON into a new folder.

    Args:
        source: folder of a checkpoint, or the name of shipped weights.
        layout: ``upstream`` (``unet/``, ``vae/``, ``scheduler/`` and ``attention/``), ``attention`` (that alone) or
            ``checkpoint``, which is ours.
        out: must not exist; written whole or not at all.
        attention: folder with ``attention/model.safetensors``, or such a file, whose layers replace the source's first.

    Raises:
        ValueError: an unknown layout, an ``out`` that exists, another model, one that is pruned where the layout is
            upstream's, or attention that does not fit.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout={layout}: choose one of {', '.join(LAYOUTS)}")
    if out.exists():
        raise ValueError(f"{out} exists: choose a new folder with out=FOLDER")
    model = checkpoint.load(checkpoint_folder(source))
    if not isinstance(model, CatVTON):
        raise ValueError(f"checkpoint={source} is of {type(model).__name__}: upstream's layout is CatVTON's, give one")
    if attention is not None:
        load_attention(model, attention)
    unfinished = out.with_name(f".{out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        LAYOUTS[layout](model, unfinished)
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
