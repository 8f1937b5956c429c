"""What exporters hand to a tracer: a frozen copy of the network, pictures of its size, silence about the harmless."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vtoncompress.model.base import TryOnModel


def freeze(model: TryOnModel, share: bool = False) -> TryOnModel:
    """A copy in evaluation mode, in float32 on the CPU, so that exporting changes nothing in ``model`` itself.

    ``share``: use the model's own weights, which must not change meanwhile, instead of copies of gigabytes.
    """
    own: dict[int, Tensor] = {}
    if share:
        own |= {id(one): nn.Parameter(one.detach(), requires_grad=False) for one in model.parameters()}
        own |= {id(one): one.detach() for one in model.buffers()}
    return copy.deepcopy(model, own).float().cpu().eval().requires_grad_(False)


def fold_batch_norms(model: TryOnModel, share: bool = False) -> TryOnModel:
    """A frozen copy whose convolutions carry the batch norm that follows them; ``share`` as for :func:`freeze`.

    Runtimes fold by themselves, but give the result a name of their own; here a convolution keeps its module's name, by
    which quantization finds it. Only inside ``nn.Sequential`` is it certain what follows what.
    """
    model = freeze(model, share)
    for sequence in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
        for index in range(1, len(sequence)):
            before, norm = sequence[index - 1], sequence[index]
            if isinstance(before, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[index - 1] = fuse_conv_bn_eval(before, norm)
                sequence[index] = nn.Identity()
    return model


def example_inputs(model: TryOnModel) -> dict[str, Tensor]:
    """Inputs of :meth:`TryOnModel.forward` by name, (1, C, H, W) of ``model.size``; values are of no importance."""
    return {name: torch.full((1, channels, *model.size), 0.5) for name, channels in model.inputs.items()}


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what tracers say about every model with a fixed size: that its size is fixed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        # OpenVINO's way into torch; it names nodes after modules, which its way through torch.export doesn't.
        warnings.filterwarnings("ignore", message="`torch.jit.trace", category=DeprecationWarning)
        # torch's own exporter copies objects of a class that torch deprecates.
        warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\).*", category=FutureWarning)
        yield
