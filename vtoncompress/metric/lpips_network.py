"""LPIPS's networks in torchmetrics' port, on torchvision's weights, which must have their published hash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast
from unittest import mock

import torch
from torch import nn

from vtoncompress.fingerprint import file_hash
from vtoncompress.hub_cache import hub_checkpoints
from vtoncompress.metric.torchvision_import import make_torchvision_importable


@dataclass(frozen=True)
class Backbone:
    """A network of torchvision.

    Attributes:
        name: torchvision's function.
        file_name: of its ImageNet weights; it ends with the first 8 hex digits of the file's SHA-256.
    """

    name: str
    file_name: str

    @property
    def hash_prefix(self) -> str:
        return Path(self.file_name).stem.rpartition("-")[2]


BACKBONES = {
    "alex": Backbone("alexnet", "alexnet-owt-7be5be79.pth"),
    "vgg": Backbone("vgg16", "vgg16-397923af.pth"),
    "squeeze": Backbone("squeezenet1_1", "squeezenet1_1-b8a52dc0.pth"),
}
DOWNLOADS = "https://download.pytorch.org/models/"


def find_weights(network: str, weights: str | None, download: bool) -> Path | None:
    """The checked file of a network's weights; None where none is given, in torch hub's cache, or to be downloaded.

    Raises:
        ValueError: an unknown network, no such file, another one, or a download that fails.
    """
    if network not in BACKBONES:
        raise ValueError(f"metric.lpips.network={network}: choose one of {', '.join(BACKBONES)}")
    backbone = BACKBONES[network]
    path = hub_checkpoints() / backbone.file_name if weights is None else Path(weights)
    if weights is None and not path.is_file():
        if not download:
            return None
        _download(backbone, path)
    if not path.is_file():
        raise ValueError(f"no {network} weights at {path}: correct metric.lpips.weights, or leave it out")
    digest = file_hash(path)
    if not digest.startswith(backbone.hash_prefix):
        raise ValueError(
            f"{path} is not torchvision's {backbone.file_name}: its SHA-256 begins with {digest[:8]}, not "
            f"{backbone.hash_prefix}"
        )
    return path


def _download(backbone: Backbone, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    url = DOWNLOADS + backbone.file_name
    try:
        torch.hub.download_url_to_file(url, str(path), hash_prefix=backbone.hash_prefix)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"can't download {url} ({error}): give metric.lpips.weights=PATH") from error


def build_network(network: str, weights: Path) -> nn.Module:
    """Of two (N, 3, H, W) in -1..1, the distance (N, 1, 1, 1); evaluation mode. The linear heads are torchmetrics'."""
    make_torchvision_importable()
    import torchvision
    from torchmetrics.functional.image import lpips

    state = torch.load(weights, map_location="cpu", weights_only=True)
    layers = {name.removeprefix("features."): value for name, value in state.items() if name.startswith("features.")}

    def given(name: str, *_: Any, **__: Any) -> nn.Module:
        with torch.device("meta"):  # the classifier, most of the weights, is not wanted
            features: nn.Module = getattr(torchvision.models, name)(weights=None).features
        features.load_state_dict(layers, assign=True)
        return features

    # torchmetrics builds its network around a download; handing it the layers keeps its construction code.
    with mock.patch.object(lpips, "_get_tv_model_features", given):
        return lpips._NoTrainLpips(net=cast("Literal['alex', 'vgg', 'squeeze']", network))
