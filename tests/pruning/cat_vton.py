"""A tiny CatVTON of which half may go without a trace, and a criterion that finds that half."""

from __future__ import annotations

from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn

from tests.model.cat_vton.conftest import TINY
from vtoncompress.criterion.base import WeightCriterion
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.form import attention_layers
from vtoncompress.pruning.division import HEADS
from vtoncompress.sampling.ddim import DDIM

SIZE = (32, 24)
UNET, ATTENTION, FEED_FORWARD = ["unet"], ["unet.*.attn1"], ["unet.*.ff"]
LAYERS = (nn.Conv2d, nn.Linear)
LATENTS, TIMESTEP = torch.randn(2, 9, 32, 12, generator=torch.Generator().manual_seed(1)), 500


def tiny(**unet: Any) -> CatVTON:
    """With random weights, two heads a layer unless ``unet`` says otherwise, and one step."""
    torch.manual_seed(0)
    model = CatVTON(SIZE, **{**TINY, "unet": {**TINY["unet"], **unet}}).eval()
    model.set_sampling(DDIM(steps=1))
    return model


def on_meta() -> CatVTON:
    with torch.device("meta"):
        return CatVTON(SIZE, **TINY)


def predicted(model: CatVTON) -> Tensor:
    """Its noise in fixed latents."""
    with torch.no_grad():
        return model.denoiser()(LATENTS, torch.tensor(TIMESTEP))


@torch.no_grad()
def half_unread(model: CatVTON, attention: str) -> None:
    """Change the UNet so that every other channel is the copy of the one before and is read by nobody.

    Copies leave what group and layer norms divide by as it is. Of attention the second head is not read, or of each
    head every other channel.
    """
    for name, layer in model.unet.named_modules():
        if isinstance(layer, LAYERS):
            if name != "conv_out":
                _pair(layer.weight)
            if name not in ("conv_in", "time_embedding.linear_1"):
                layer.weight[:, 1::2] = 0
        if isinstance(layer, nn.GroupNorm | nn.LayerNorm):
            nn.init.uniform_(layer.weight)
            _pair(layer.weight)
        if getattr(layer, "bias", None) is not None and name != "conv_out":
            nn.init.normal_(layer.bias)
            _pair(layer.bias)
    for layer in attention_layers(model.unet).values():
        for projection in (layer.to_q, layer.to_k, layer.to_v):
            nn.init.normal_(projection.weight)
            projection.weight[:, 1::2] = 0
        nn.init.normal_(layer.to_out[0].weight)
        _pair(layer.to_out[0].weight)
        if attention == HEADS:
            layer.to_out[0].weight[:, layer.to_q.out_features // 2 :] = 0
        else:
            layer.to_out[0].weight[:, 1::2] = 0
            layer.to_q.weight[1::2] = 0


def _pair(tensor: Tensor) -> None:
    tensor[1::2] = tensor[::2]


class Read(WeightCriterion):
    """By how much of a channel is read."""

    def importance(self, *_: Any) -> tp.importance.Importance:
        return _read


def _read(group: tp.Group) -> Tensor:
    total = torch.zeros(len(group[0].idxs))
    for item in group:
        layer = item.dep.layer
        if isinstance(layer, LAYERS) and item.dep.pruning_fn in (
            tp.prune_conv_in_channels,
            tp.prune_linear_in_channels,
        ):
            read = layer.weight.detach().abs().transpose(0, 1).flatten(1).sum(1)[item.idxs]
            total.index_add_(0, torch.tensor(item.root_idxs), read)
    return total
