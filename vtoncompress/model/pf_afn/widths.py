"""Whether the widths of a pruned PF-AFN's layers fit together."""

from __future__ import annotations

import torch
from torch import nn

from vtoncompress.model.pf_afn.generator import CHANNELS_IN
from vtoncompress.model.pf_afn.pf_afn import PFAFN

SIDE = 64  # pixels, the least that has two at the coarsest level
INPUTS = {"warp": (3, 3), "generator": (CHANNELS_IN,)}


def check_widths(intro: str, model: PFAFN, part: str) -> None:
    """ValueError, beginning with ``intro``, that names the layers of ``part`` whose widths disagree."""
    network = model.parts[part]
    if part == "warp":
        _check_pyramids(intro, network)
    entered = [""]
    hooks = [
        layer.register_forward_pre_hook(lambda _layer, _inputs, name=name: entered.append(name))
        for name, layer in network.named_modules()
    ]
    try:
        with torch.inference_mode():
            network.eval()(*(torch.zeros(1, channels, SIDE, SIDE) for channels in INPUTS[part]))
    except RuntimeError as error:
        # The layer that can't take what it is given is the last that was entered.
        reason = " ".join(str(error).split())
        raise ValueError(f"{intro}: widths disagree at {entered[-1]} ({reason})") from error
    finally:
        for hook in hooks:
            hook.remove()


def _check_pyramids(intro: str, warp: nn.Module) -> None:
    """Correlation compares both pyramids' channels one by one, and each pyramid adds a level to the next."""
    convolutions = {name: layer for name, layer in warp.named_modules() if isinstance(layer, nn.Conv2d)}
    for level in range(sum(name.startswith("image_FPN.smooth.") for name in convolutions)):
        tied = [
            f"{pyramid}.{layer}"
            for layer in (f"smooth.{level}", f"adaptive.{level + 1}")
            for pyramid in ("image_FPN", "cond_FPN")
        ]
        widths = {name: convolutions[name].out_channels for name in tied if name in convolutions}
        if len(set(widths.values())) > 1:
            told = ", ".join(f"{name} has {width}" for name, width in widths.items())
            raise ValueError(f"{intro}: correlation and addition need equal widths, but {told}")
