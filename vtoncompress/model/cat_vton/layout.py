"""Where upstream's files lie in its folders, and how their tensors are named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vtoncompress.model.weight_file import read_weight_file

UNET, VAE, SCHEDULER, ATTENTION = "unet", "vae", "scheduler", "attention"
CONFIG, SCHEDULER_CONFIG = "config.json", "scheduler_config.json"
# In the order in which they are preferred: safetensors can't run code, and the reader of pickles lets none run.
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
ATTENTION_WEIGHTS = ("model.safetensors",)
# Of autoencoders that were saved before diffusers had one attention layer for all models.
OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
CROSS_ATTENTION = re.compile(r"\.attn2\.")

State = dict[str, Tensor]


def find_weights(source: Path, folder: str, names: tuple[str, ...] = WEIGHTS) -> Path:
    """The file of weights in ``source`` itself or in its ``folder``; ``source`` where it is a file.

    Raises:
        ValueError: nothing is there, or no such file in it.
    """
    if source.is_file():
        return source
    if not source.is_dir():
        raise ValueError(f"there is no {source}: give the folder of upstream's files, or one file of weights")
    places = [place / name for place in (source / folder, source) for name in names]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        inside = ", ".join(sorted(path.name for path in source.iterdir())[:6]) or "nothing"
        raise ValueError(
            f"{source} has no {folder}/{names[0]}"
            + (f" or {folder}/{names[1]}" if len(names) > 1 else "")
            + f": it has {inside}; give the folder of upstream's files, or get the missing one"
        )
    return found


def read_config(path: Path) -> dict[str, Any] | None:
    """What a config in JSON says; None where there is none. ValueError where it is damaged."""
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged: get it again") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} holds no mapping: get it again")
    return config


def read_state(path: Path, read: Callable[[Path], object] = read_weight_file) -> State:
    """The tensors of a file by the names that our networks give them; those of cross-attention are left out.

    Args:
        read: opens the file, with its data or without.

    Raises:
        ValueError: it is missing, damaged, would run code, or holds something else.
    """
    content = read(path)
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{path} holds no state dict: get it again")
    return {_renamed(str(name)): value for name, value in content.items() if not CROSS_ATTENTION.search(str(name))}


def _renamed(name: str) -> str:
    """Only an autoencoder has an attention layer right under ``attentions``."""
    place, _, kind = name.rpartition(".")
    layer, _, old = place.rpartition(".")
    is_old = old in OLD_ATTENTION and re.search(r"attentions\.\d+$", layer)
    return f"{layer}.{OLD_ATTENTION[old]}.{kind}" if is_old else name
