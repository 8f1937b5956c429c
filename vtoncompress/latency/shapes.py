"""The geometry of every convolution in a network's call."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vtoncompress.latency.geometry import Geometry
from vtoncompress.model.base import TryOnModel


def geometries(model: TryOnModel) -> dict[str, Geometry]:
    """That of each convolution in a call, by its name. ValueError for a convolution that no lookup holds."""
    found: dict[str, Geometry] = {}

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            assert isinstance(layer, nn.Conv2d)
            if layer.kernel_size[0] != layer.kernel_size[1] or layer.groups != 1 or layer.dilation != (1, 1):
                raise ValueError(f"{name} is no ordinary convolution: pruning=latency knows no time of it")
            found[name] = Geometry(layer.kernel_size[0], layer.stride[0], *inputs[0].shape[-2:])

        return hook

    convolutions = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    hooks = [layer.register_forward_pre_hook(note(name)) for name, layer in convolutions.items()]
    training = model.training
    try:
        with torch.inference_mode():
            model.eval()(*model.example_inputs())
    finally:
        model.train(training)
        for one in hooks:
            one.remove()
    return found
