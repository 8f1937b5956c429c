"""Which convolutions a mode makes small: those of its scope, but for coordinates and those kept in float by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from vtoncompress.model.base import TryOnModel

CONVOLUTIONS = ("Convolution", "Conv")  # as OpenVINO and as ONNX call them
STRUCTURE = ("Constant", "Parameter", "Result")


def quantized_layers(model: TryOnModel, modules: Sequence[str], float_layers: Sequence[str] = ()) -> list[str]:
    """Names of the convolutions to quantize, in the order of ``model.named_modules()``.

    Args:
        model: the network.
        modules: names of the submodules of the scope.
        float_layers: names of convolutions, or of modules whose convolutions, stay in float besides the coordinates.

    Raises:
        ValueError: a name that the network doesn't have, or nothing left to quantize.
    """
    names = {name for name, _ in model.named_modules()}
    for option, given in (("scope", modules), ("float_layers", float_layers)):
        if unknown := [name for name in given if name not in names]:
            raise ValueError(
                f"quantization.{option}: the network has no {unknown[0]}; name modules such as {_first(model)}"
            )
    kept = (*float_layers, *model.float_layers())
    layers = [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d) and _within(name, modules) and not _within(name, kept)
    ]
    if not layers:
        raise ValueError(
            "quantization: the scope has no convolution left to quantize; choose another quantization.scope "
            "or shorten quantization.float_layers"
        )
    return layers


def float_nodes(kinds: Mapping[str, str], layers: Sequence[str]) -> list[str]:
    """Names of the nodes of an exported graph to leave in float32, when ``layers`` are to be quantized.

    Args:
        kinds: operation of each node, by name; the name starts with its module's.
        layers: of :func:`quantized_layers`.
    """
    modules = {name: module_of(name) for name in kinds}
    assert set(layers) <= set(modules.values()), f"not in the graph: {set(layers) - set(modules.values())}"
    return [
        name
        for name, module in modules.items()
        if kinds[name] not in STRUCTURE and not (kinds[name] in CONVOLUTIONS and module in layers)
    ]


def module_of(node: str) -> str:
    """The module that a node of an exported graph came from: its name begins with it."""
    return node.removeprefix("__module.").split("/")[0]


def _within(name: str, modules: Sequence[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _first(model: nn.Module) -> str:
    return next(name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d))
