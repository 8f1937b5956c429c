"""How many parameters CatVTON has, trains and leaves out, beside what its authors say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from vtoncompress.model.cat_vton.unet import build_whole_unet, remove_cross_attention, self_attention
from vtoncompress.model.cat_vton.vae import build_vae

# The text encoder that Stable Diffusion 1.5 has and CatVTON leaves out: OpenAI's CLIP ViT-L/14 (Radford et al. 2021).
CLIP_VOCABULARY, CLIP_TOKENS, CLIP_WIDTH, CLIP_LAYERS, CLIP_EXPANSION = 49_408, 77, 768, 12, 4


@dataclass(frozen=True)
class Counts:
    """Parameters, as whole numbers.

    Attributes:
        unet, vae: of the two networks, cross-attention left out.
        trainable: of all self-attention layers.
        cross_attention, text_encoder: left out.
        group_norms: of all group norms, part of ``unet`` and ``vae``.
    """

    unet: int
    vae: int
    trainable: int
    cross_attention: int
    text_encoder: int
    group_norms: int

    @property
    def total(self) -> int:
        return self.unet + self.vae

    @property
    def removed(self) -> int:
        return self.cross_attention + self.text_encoder

    @property
    def without_group_norms(self) -> int:
        """What the authors call the total: 899.06 M of the published network's 899.23 M."""
        return self.total - self.group_norms

    @property
    def trainable_share(self) -> float:
        return self.trainable / self.total


def count(network: Mapping[str, Any]) -> Counts:
    """Of the networks with these arguments of :class:`vtoncompress.model.cat_vton.CatVTON`; nothing is allocated."""
    with torch.device("meta"):
        unet, vae = build_whole_unet(network["unet"]), build_vae(network["vae"])
    whole = _parameters(unet)
    remove_cross_attention(unet)
    norms = [layer for part in (unet, vae) for layer in part.modules() if isinstance(layer, nn.GroupNorm)]
    return Counts(
        unet=_parameters(unet),
        vae=_parameters(vae),
        trainable=sum(_parameters(layer) for layer in self_attention(unet).values()),
        cross_attention=whole - _parameters(unet),
        text_encoder=clip_text_encoder(),
        group_norms=sum(_parameters(layer) for layer in norms),
    )


def clip_text_encoder() -> int:
    """Embeddings, transformer layers and the last norm of CLIP's text encoder."""
    width, inner = CLIP_WIDTH, CLIP_EXPANSION * CLIP_WIDTH
    attention, norm = 4 * (width * width + width), 2 * width
    layer = attention + width * inner + inner + inner * width + width + 2 * norm
    return (CLIP_VOCABULARY + CLIP_TOKENS) * width + CLIP_LAYERS * layer + norm


def table(counts: Counts) -> str:
    """Markdown: what the authors claim, what is counted, and why they differ where they do."""
    millions = 1e6
    rows = [
        ("trainable (M)", "49.57", f"{counts.trainable / millions:.2f}", "every self-attention layer of the UNet"),
        (
            "removed (M)", "167.02", f"{counts.removed / millions:.2f}",
            f"text encoder {counts.text_encoder:,} + cross-attention {counts.cross_attention:,}",
        ),
        ("trainable share (%)", "5.51", f"{100 * counts.trainable_share:.2f}", "of the total below, either one"),
        (
            "total (M)", "899.06", f"{counts.total / millions:.2f}",
            f"erratum: 899.06 leaves out {counts.group_norms:,} parameters of group norms "
            f"({counts.without_group_norms:,} without them); UNet {counts.unet:,} + autoencoder {counts.vae:,}",
        ),
    ]  # fmt: skip
    head = ["| parameters | published | counted | what it is |", "| --- | ---: | ---: | --- |"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
