"""Which layers a mode makes small: those of its scope, but for coordinates and those kept in float by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from torch import nn

from vtoncompress.model.base import TryOnModel

KINDS = (nn.Conv2d, nn.Linear)
CONVOLUTIONS = ("Convolution", "Conv")  # as OpenVINO and as ONNX call them
PRODUCTS = (*CONVOLUTIONS, "MatMul", "Gemm")
STRUCTURE = ("Constant", "Parameter", "Result")


def quantized_layers(model: TryOnModel, modules: Sequence[str], float_layers: Sequence[str] = ()) -> list[str]:
    """Names of the convolutions and linear layers to quantize, in the order of ``model.named_modules()``.

    Args:
        model: the network.
        modules: names of the submodules of the scope, or patterns of them (``unet.*.attn1``).
        float_layers: names or patterns of layers, or of modules whose layers, stay in float besides the coordinates.

    Raises:
        ValueError: a name that the network doesn't have, or nothing left to quantize.
    """
    names = {name for name, _ in model.named_modules()}
    for option, given in (("scope", modules), ("float_layers", float_layers)):
        if unknown := [name for name in given if not any(fnmatchcase(one, name) for one in names)]:
            raise ValueError(
                f"quantization.{option}: the network has no {unknown[0]}; name modules such as {_first(model)}"
            )
    kept = (*float_layers, *model.float_layers())
    layers = [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, KINDS) and within(name, modules) and not within(name, kept)
    ]
    if not layers:
        raise ValueError(
            "quantization: the scope has no layer left to quantize; choose another quantization.scope "
            "or shorten quantization.float_layers"
        )
    return layers


def float_nodes(kinds: Mapping[str, str], layers: Sequence[str]) -> list[str]:
    """Names of the nodes of an exported graph to leave in float32, when ``layers`` and no others are to be quantized.

    Args:
        kinds: operation of each node, by name; the name starts with its module's.
        layers: of :func:`quantized_layers`.
    """
    modules = {name: module_of(name) for name in kinds}
    chosen = set(layers)
    assert chosen <= set(modules.values()), f"not in the graph: {chosen - set(modules.values())}"
    return [
        name
        for name, module in modules.items()
        if kinds[name] not in STRUCTURE and not (kinds[name] in PRODUCTS and module in chosen)
    ]


def outside(kinds: Mapping[str, str], modules: Sequence[str], float_layers: Sequence[str]) -> list[str]:
    """Names of the nodes that are not of ``modules``, or of ``float_layers``; arguments as of the functions above."""
    return [
        name
        for name, kind in kinds.items()
        if kind not in STRUCTURE and (not within(module_of(name), modules) or within(module_of(name), float_layers))
    ]


def module_of(node: str) -> str:
    """The module that a node of an exported graph came from: its name begins with it."""
    return node.removeprefix("__module.").split("/")[0]


def within(name: str, modules: Sequence[str]) -> bool:
    """Whether ``name`` is one of the modules, or of what is in them; they may be patterns."""
    return any(fnmatchcase(name, module) or fnmatchcase(name, f"{module}.*") for module in modules)


def _first(model: nn.Module) -> str:
    return next(name for name, layer in model.named_modules() if isinstance(layer, KINDS))
