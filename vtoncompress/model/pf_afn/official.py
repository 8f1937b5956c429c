"""PF-AFN checkpoints as published, the warp network's and the generator's state dict, a file each; pruned ones too."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vtoncompress.checkpoint import resize
from vtoncompress.model.pf_afn.pf_afn import PFAFN
from vtoncompress.model.pf_afn.widths import check_widths
from vtoncompress.model.weight_file import read_weight_file

PREFIX = "module."  # of checkpoints that were saved from a data-parallel wrapper
TRAINING_ONLY = frozenset({"aflow_net.weight"})  # fixed smoothness filter of the training loss
COUNTER = "num_batches_tracked"  # of batch norms; no result depends on it, and old checkpoints lack it
MODEL = "model"  # holds the state dict where others, such as pruning histories, stand beside it
SHOWN = 3

State = dict[str, Tensor]


@dataclass(frozen=True)
class Published:
    """A checkpoint file.

    Attributes:
        state: its tensors by their keys, without prefix and training-only keys.
        pruned: whether it says so: the state dict is the ``model`` of a dictionary with other things.
    """

    state: State
    pruned: bool


def load_official(model: PFAFN, warp: Path | str | None, generator: Path | str | None) -> list[str]:
    """Load published weights into ``model``, in place and only if all of them fit. No code in a file is run.

    A pruned network's layers get the widths of the file's tensors; what stands beside them in the file, such as pruning
    histories, is not looked at.

    Args:
        model: of the checkpoints' width before pruning; its convention must be theirs too, which no file says
            (``seed`` for those of the compression project).
        warp, generator: ``.pth`` (a state dict, with or without ``module.``, alone or as ``model`` of a dictionary) or
            ``.safetensors``; None leaves a part.

    Returns:
        The parts that were left.

    Raises:
        ValueError: a file that is missing, damaged, would run code, or belongs to another network; widths of layers
            that must agree and don't.
    """
    files = {"warp": warp, "generator": generator}
    found = {part: read_checkpoint(Path(file)) for part, file in files.items() if file is not None}
    states = {}
    for part, published in found.items():
        intro = f"{files[part]} does not fit the {part} network"
        states[part] = _check_fit(intro, model, part, published)
    for part, state in states.items():
        resize(model.parts[part], state)
        model.parts[part].load_state_dict(state)
    return [part for part, file in files.items() if file is None]


def read_checkpoint(path: Path) -> Published:
    """What a file holds. Errors as above."""
    content = read_weight_file(path)
    within = isinstance(content, Mapping) and isinstance(content.get(MODEL), Mapping)
    state = content[MODEL] if isinstance(content, Mapping) and within else content
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no state dict: save model.state_dict() into it")
    bare = {str(key).removeprefix(PREFIX): value for key, value in state.items()}
    return Published({key: value for key, value in bare.items() if key not in TRAINING_ONLY}, within)


def _check_fit(intro: str, model: PFAFN, part: str, published: Published) -> State:
    """The state with the counters that it may lack. ValueError that names keys and shapes unless it is of ``part``."""
    network, state = model.parts[part], published.state
    expected = network.state_dict()
    state = {key: value for key, value in expected.items() if key.endswith(COUNTER)} | state
    missing = [key for key in expected if key not in state]
    unknown = [key for key in state if key not in expected]
    shapes = [key for key in expected if key in state and state[key].shape != expected[key].shape]
    wrong = [key for key in shapes if not _is_narrower(state[key], expected[key])]
    problems = []
    if missing:
        problems.append(f"{len(missing)} keys are missing ({_some(missing)})")
    if unknown:
        problems.append(f"{len(unknown)} are not the network's ({_some(unknown)})")
    if wrong:
        details = (f"{key} is {list(state[key].shape)}, not {list(expected[key].shape)}" for key in wrong)
        problems.append(f"{len(wrong)} shapes differ ({_some(details)})")
    if shapes and not missing and not unknown and (wrong or not published.pruned):
        width = model.width * state[shapes[0]].shape[0] / expected[shapes[0]].shape[0]
        if _is_of_width(model, part, width, state):
            problems.append(f"it has width {width:g}, the model {model.width:g}: set model.network.width={width:g}")
    if problems:
        raise ValueError(f"{intro}: {'; '.join(problems)}")
    if shapes:
        trial = copy.deepcopy(model)
        resize(trial.parts[part], state)
        trial.parts[part].load_state_dict(state)
        check_widths(intro, trial, part)
    return state


def _is_narrower(found: Tensor, expected: Tensor) -> bool:
    """Whether pruning can have left it: fewer channels, but some, and the same kernel."""
    return (
        found.ndim == expected.ndim
        and found.shape[2:] == expected.shape[2:]
        and all(0 < left <= whole for left, whole in zip(found.shape[:2], expected.shape[:2], strict=True))
    )


def _is_of_width(model: PFAFN, part: str, width: float, state: State) -> bool:
    """Whether it is a whole network of another width: its correlation would have another divisor."""
    try:
        with torch.device("meta"):
            other = PFAFN(width, model.size, model.convention).parts[part].state_dict()
    except ValueError:
        return False
    return all(value.shape == state[key].shape for key, value in other.items())


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:SHOWN]) + (", ..." if len(listed) > SHOWN else "")
