"""torchvision beside a torch it was not built for."""

from __future__ import annotations

import sys

import torch

_kept: list[torch.library.Library] = []
"""Declarations live as long as their library object."""


def make_torchvision_importable() -> None:
    """Declare the two operators whose absence stops the import of torchvision's CUDA wheel beside a CPU torch.

    They get no kernel: this is for packages that import torchvision without running its operators (pytorch-fid,
    torchmetrics). A torchvision that matches its torch is left alone.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    else:
        return
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(library)
