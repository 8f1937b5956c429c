"""PF-AFN checkpoints as published: the warp network's and the generator's state dict, a file each."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vtoncompress.model.pf_afn.pf_afn import PFAFN

PREFIX = "module."  # of checkpoints that were saved from a data-parallel wrapper
TRAINING_ONLY = frozenset({"aflow_net.weight"})  # fixed smoothness filter of the training loss
COUNTER = "num_batches_tracked"  # of batch norms; no result depends on it, and old checkpoints lack it
SHOWN = 3

State = dict[str, Tensor]


def load_official(model: PFAFN, warp: Path | str | None, generator: Path | str | None) -> None:
    """Load published weights into ``model``, in place and only if all of them fit. No code in a file is run.

    Args:
        model: of the checkpoints' width; its convention must be theirs too, which no file says.
        warp, generator: ``.pth`` (a state dict, with or without ``module.``) or ``.safetensors``; None leaves a part.

    Raises:
        ValueError: a file that is missing, damaged, would run code, or belongs to another network.
    """
    files = {"warp": warp, "generator": generator}
    states = {part: read_state(Path(file)) for part, file in files.items() if file is not None}
    for part, state in states.items():
        _check_fit(f"{files[part]} does not fit the {part} network", model, model.parts[part], state)
    for part, state in states.items():
        # The only keys that may be missing by now are the counters.
        model.parts[part].load_state_dict(state, strict=False)


def read_state(path: Path) -> State:
    """The tensors of a checkpoint file by their keys, without prefix and training-only keys. Errors as above."""
    if not path.is_file():
        raise ValueError(f"there is no checkpoint {path}: check the path")
    state: object = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no state dict: save model.state_dict() into it")
    bare = {str(key).removeprefix(PREFIX): value for key, value in state.items()}
    return {key: value for key, value in bare.items() if key not in TRAINING_ONLY}


def _read_safetensors(path: Path) -> State:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file, or cut short: get it again") from error


def _read_pickle(path: Path) -> object:
    try:
        with warnings.catch_warnings(action="ignore"):
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails at any place of torch's reader
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise ValueError(f"{path} holds more than weights and would run code: save its state dict alone") from error
        raise ValueError(f"{path} is no PyTorch checkpoint, or cut short: get it again") from error
    return content


def _check_fit(intro: str, model: PFAFN, network: nn.Module, state: State) -> None:
    """ValueError that names keys and shapes unless ``state`` has exactly those of ``network``."""
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    missing = [key for key in expected if key not in found and not key.endswith(COUNTER)]
    unknown = [key for key in found if key not in expected]
    shapes = [key for key in expected if key in found and found[key] != expected[key]]
    problems = []
    if missing:
        problems.append(f"{len(missing)} keys are missing ({_some(missing)})")
    if unknown:
        problems.append(f"{len(unknown)} are not the network's ({_some(unknown)})")
    if shapes:
        details = (f"{key} is {list(found[key])}, not {list(expected[key])}" for key in shapes)
        problems.append(f"{len(shapes)} shapes differ ({_some(details)})")
    if shapes and not missing and not unknown:
        width = model.width * found[shapes[0]][0] / expected[shapes[0]][0]
        problems.append(f"it has width {width:g}, the model {model.width:g}: set model.network.width={width:g}")
    if problems:
        raise ValueError(f"{intro}: {'; '.join(problems)}")


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:SHOWN]) + (", ..." if len(listed) > SHOWN else "")
