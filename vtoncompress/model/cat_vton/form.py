"""What pruning changes in CatVTON beside the widths of layers: the number of heads, and which blocks are left."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

PROJECTIONS = ("to_q", "to_k", "to_v")
HEADS, BLOCKS = "heads", "removed_blocks"


class NoBlock(nn.Module):
    """Takes the place of a transformer block with its projections and gives what it is given: its residual alone."""

    def forward(self, hidden_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor]:
        """(N, channels, h, w), unchanged, in the tuple that the UNet's layers look into."""
        return (hidden_states,)


def attention_layers(model: nn.Module) -> dict[str, Any]:
    """diffusers' attention layers by name, the autoencoder's of one head too."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if hasattr(layer, "heads") and all(hasattr(layer, projection) for projection in PROJECTIONS)
    }


def gated_layers(model: nn.Module) -> list[str]:
    """Names of the layers that give a feed-forward network's hidden features and, as their second half, their gates."""
    return [f"{name}.proj" for name, layer in model.named_modules() if type(layer).__name__ == "GEGLU"]


@torch.no_grad()
def set_heads(model: nn.Module, layers: Sequence[str], heads: int, factor: float) -> None:
    """See :meth:`vtoncompress.model.base.TryOnModel.set_heads`."""
    layer: Any = model.get_submodule(layers[0].rpartition(".")[0])
    assert layer.to_q.out_features % heads == 0, "heads are of one width"
    layer.heads = heads
    for parameter in layer.to_q.parameters() if factor != 1 else ():
        parameter.mul_(factor)


def transformer_blocks(model: nn.Module) -> list[str]:
    """Names of the UNet's transformer blocks with their projections, in the order in which it runs them."""
    inside = [
        name
        for name, layer in model.named_modules()
        if re.fullmatch(r"unet\..*\.attentions\.\d+", name) and not isinstance(layer, NoBlock)
    ]
    return sorted(inside, key=lambda name: [*map(name.split(".")[1].startswith, ("up", "mid"))])


def remove_blocks(model: nn.Module, names: Sequence[str]) -> None:
    """Put :class:`NoBlock` in the place of some of :func:`transformer_blocks`. LookupError for any other name."""
    known = transformer_blocks(model)
    for name in names:
        if name not in known:
            raise LookupError(f"{name} is no transformer block")
        model.set_submodule(name, NoBlock().train(model.training))


def changed(model: nn.Module, dense: Mapping[str, int]) -> dict[str, Any]:
    """See :meth:`vtoncompress.model.base.Network.form`; ``dense`` are the heads of each layer when it was built."""
    heads = {name: layer.heads for name, layer in attention_layers(model).items() if layer.heads != dense[name]}
    removed = [name for name, layer in model.named_modules() if isinstance(layer, NoBlock)]
    return {**({HEADS: heads} if heads else {}), **({BLOCKS: removed} if removed else {})}


def take(model: nn.Module, form: Mapping[str, Any]) -> None:
    """See :meth:`vtoncompress.model.base.Network.take_form`."""
    if unknown := form.keys() - {HEADS, BLOCKS}:
        raise LookupError(f"this version knows nothing of {min(unknown)}")
    remove_blocks(model, form.get(BLOCKS, ()))
    layers = attention_layers(model)
    for name, heads in form.get(HEADS, {}).items():
        layers[name].heads = int(heads)


def refit(model: nn.Module) -> None:
    """See :meth:`vtoncompress.model.base.Network.refit`.

    diffusers' layers that change the resolution compare the channels that they get with those of which they were made.
    """
    for layer in model.modules():
        convolution = getattr(layer, "conv", None)
        if hasattr(layer, "channels") and isinstance(convolution, nn.Conv2d):
            cast("Any", layer).channels = convolution.in_channels
    for name, attention in attention_layers(model).items():
        width, heads = attention.to_q.out_features, attention.heads
        assert heads in range(1, width + 1), f"{name} can't have {heads} heads"
        assert width % heads == 0, f"{name} can't have {heads} heads of {width} channels"
