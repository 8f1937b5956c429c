"""Files of weights as others publish them: safetensors, or pickles of which nothing is executed."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor


def read_weight_file(path: Path) -> object:
    """What a file holds, on the CPU: its tensors by name, or whatever a pickle of plain values has.

    Raises:
        ValueError: it is missing or damaged, or would run code.
    """
    if not path.is_file():
        raise ValueError(f"there is no checkpoint {path}: check the path")
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)


def read_shapes(path: Path) -> object:
    """The same with tensors that have shapes and no data, of which nothing is read where the format allows it."""
    if path.suffix == ".safetensors" and path.is_file():
        try:
            with safe_open(path, "pt") as file:
                names = file.keys()
                return {name: torch.empty(file.get_slice(name).get_shape(), device="meta") for name in names}
        except SafetensorError as error:
            raise ValueError(f"{path} is no safetensors file, or cut short: get it again") from error
    content = _read_pickle(path, mapped=zipfile.is_zipfile(path)) if path.is_file() else read_weight_file(path)
    if not isinstance(content, Mapping):
        return content
    return {name: value.to("meta") if isinstance(value, Tensor) else value for name, value in content.items()}


def _read_safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file, or cut short: get it again") from error


def _read_pickle(path: Path, mapped: bool = False) -> object:
    try:
        with warnings.catch_warnings(action="ignore"):
            content: object = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a damaged file fails at any place of torch's reader
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise ValueError(
                f"{path} holds more than weights and would run code: where it was made, save its state dict alone, "
                "torch.save(network.state_dict(), FILE)"
            ) from error
        raise ValueError(f"{path} is no PyTorch checkpoint, or cut short: get it again") from error
    return content
