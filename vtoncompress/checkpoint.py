"""A network on disk: how to build it and its layers' widths as JSON, its weights as safetensors. No pickle."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vtoncompress.model.base import Network, StepwiseModel, TryOnModel
from vtoncompress.model.bfloat16_convolution import BFloat16Conv2d
from vtoncompress.model.integer_convolution import IntegerConv2d, replace_layers
from vtoncompress.model.weight_only_convolution import WeightOnlyConv2d

STRUCTURE, WEIGHTS = "structure.json", "weights.safetensors"
FORMAT = 1
# What takes the place of a convolution, by the key under which the structure lists it.
CONVOLUTIONS: dict[str, Any] = {
    "integer_convolutions": IntegerConv2d,
    "weight_only_convolutions": WeightOnlyConv2d,
    "bfloat16_convolutions": BFloat16Conv2d,
}


def save(model: Network, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write ``structure.json`` and ``weights.safetensors``.

    Args:
        model: with whatever widths pruning left.
        folder: made if missing.
        dtype: of the stored weights; as they are if not given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: _stored(tensor, dtype) for name, tensor in model.state_dict().items()}
    replaced = {
        key: {name: m.arguments() for name, m in model.named_modules() if isinstance(m, kind)}
        for key, kind in CONVOLUTIONS.items()
    }
    folded = [name for name, m in model.named_modules() if isinstance(m, nn.Identity)]
    structure = {
        "format": FORMAT,
        "model": f"{type(model).__module__}.{type(model).__qualname__}",
        "arguments": model.arguments(),
        **({"form": form} if (form := model.form()) else {}),
        "shapes": {name: list(tensor.shape) for name, tensor in state.items()},
        **({"folded_batch_norms": folded} if folded else {}),
        **{key: layers for key, layers in replaced.items() if layers},
    }
    (folder / STRUCTURE).write_text(json.dumps(structure, indent=1) + "\n")
    save_file(state, folder / WEIGHTS)


def load(folder: Path) -> TryOnModel:
    """Open a try-on model that :func:`save` wrote, in float32 and evaluation mode. Runs nothing that the files contain.

    Raises:
        ValueError: a file is missing, damaged, or not a try-on model of this package.
    """
    model = load_network(folder)
    if not isinstance(model, TryOnModel):
        raise ValueError(f"{folder / STRUCTURE} names {type(model).__name__}, which is no try-on model")
    return model


def load_network(folder: Path) -> Network:
    """:func:`load` for any network of this package, one that makes no try-on calls by itself too."""
    try:
        structure = json.loads((folder / STRUCTURE).read_text())
        state = load_file(folder / WEIGHTS)
    except FileNotFoundError as error:
        missing = next((name for name in (STRUCTURE, WEIGHTS) if not (folder / name).is_file()), WEIGHTS)
        raise ValueError(f"{folder} is no checkpoint: {missing} is missing") from error
    except (json.JSONDecodeError, UnicodeDecodeError, SafetensorError) as error:
        raise ValueError(f"the checkpoint in {folder} is damaged ({error}): write it again") from error
    if not isinstance(structure, dict):
        raise ValueError(f"the checkpoint in {folder} is damaged: {STRUCTURE} holds no mapping")
    model = _build(structure, folder)
    expected = {name: list(tensor.shape) for name, tensor in state.items()}
    if structure.get("shapes") != expected:
        raise ValueError(f"the checkpoint in {folder} is damaged: {STRUCTURE} and {WEIGHTS} disagree on shapes")
    try:
        model.take_form(structure.get("form", {}))
        _fold(model, structure.get("folded_batch_norms", []), state)
        for key, kind in CONVOLUTIONS.items():
            _replace(model, structure.get(key, {}), kind)
        resize(model, state)
        model.refit()
        # Those of gigabytes stay in the file, from which the system reads what is looked at.
        in_place = isinstance(model, StepwiseModel)
        model.load_state_dict({name: _opened(tensor) for name, tensor in state.items()}, assign=in_place)
    except (RuntimeError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"the checkpoint in {folder} does not fit its own structure: {reason}") from error
    return model.eval()


def resize(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Give every layer of ``model`` the widths of its tensors in ``state``, in place."""
    for name, layer in model.named_modules():
        weight = state.get(f"{name}.weight")
        if weight is None or (layer_weight := getattr(layer, "weight", None)) is None:
            continue
        if layer_weight.shape == weight.shape or isinstance(layer, tuple(CONVOLUTIONS.values())):
            continue
        if isinstance(layer, nn.Conv2d):
            layer.out_channels, layer.in_channels = weight.shape[0], weight.shape[1] * layer.groups
        elif isinstance(layer, nn.Linear):
            layer.out_features, layer.in_features = weight.shape
        elif isinstance(layer, nn.BatchNorm2d):
            layer.num_features = weight.shape[0]
        elif isinstance(layer, nn.GroupNorm):
            layer.num_channels = weight.shape[0]
        elif isinstance(layer, nn.LayerNorm):
            layer.normalized_shape = tuple(weight.shape)
        else:
            raise ValueError(f"{name} ({type(layer).__name__}) can't be resized to {list(weight.shape)}")
        for tensor_name, tensor in [*layer.named_parameters(recurse=False)]:
            shape = state[f"{name}.{tensor_name}"].shape
            setattr(layer, tensor_name, nn.Parameter(tensor.new_zeros(shape)))
        for tensor_name, tensor in [*layer.named_buffers(recurse=False)]:
            setattr(layer, tensor_name, tensor.new_zeros(state[f"{name}.{tensor_name}"].shape))


def _fold(model: nn.Module, batch_norms: list[str], state: dict[str, Tensor]) -> None:
    """Leave out the batch norms whose convolutions carry them, and give these the bias that came of it."""
    for name in batch_norms:
        if not isinstance(model.get_submodule(name), nn.BatchNorm2d):
            raise LookupError(f"{name} is no batch norm")
    replace_layers(model, {name: nn.Identity() for name in batch_norms})
    for name, layer in model.named_modules():
        if batch_norms and isinstance(layer, nn.Conv2d) and layer.bias is None and f"{name}.bias" in state:
            layer.bias = nn.Parameter(torch.zeros(layer.out_channels))


def _replace(model: nn.Module, layers: dict[str, Any], kind: Any) -> None:
    for name in layers:
        if not isinstance(model.get_submodule(name), nn.Conv2d):
            raise LookupError(f"{name} is no convolution")
    replace_layers(model, {name: kind.empty(**arguments) for name, arguments in layers.items()})


def _build(structure: dict[str, Any], folder: Path) -> Network:
    if structure.get("format") != FORMAT:
        raise ValueError(f"{folder / STRUCTURE} has format {structure.get('format')}, this version reads {FORMAT}")
    module_name, _, class_name = str(structure.get("model")).rpartition(".")
    # Only this package's own models are built: a file must not be able to name code of its choice.
    kind: Any = None
    if module_name.startswith("vtoncompress.model.") and all(part.isidentifier() for part in module_name.split(".")):
        try:
            kind = getattr(importlib.import_module(module_name), class_name, None)
        except ModuleNotFoundError:
            kind = None
    if not (inspect.isclass(kind) and issubclass(kind, Network) and not inspect.isabstract(kind)):
        raise ValueError(
            f"{folder / STRUCTURE} names {structure.get('model')!r}, which is no try-on model of this version"
        )
    try:
        return kind(**structure["arguments"])
    except (TypeError, KeyError) as error:
        raise ValueError(f"{folder / STRUCTURE} does not fit {class_name} of this version: {error}") from error


def _stored(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach().contiguous().cpu()
    return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor


def _opened(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
