"""pytorch-fid's Inception: the features of published FID figures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn

from vtoncompress.data.base import Image
from vtoncompress.fingerprint import file_hash
from vtoncompress.metric.extractor import Extractor, Features
from vtoncompress.metric.torchvision_import import make_torchvision_importable

URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
FILE_NAME = URL.rsplit("/", 1)[1]
HASH_PREFIX = "6726825d"
"""Of the file's SHA-256, as published in its name."""
DIMENSION = 2048


def cached_weights() -> Path | None:
    """Where pytorch-fid has left its weights in torch hub's cache, if it has."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAME
    return path if path.is_file() else None


def download_weights() -> Path:
    """Fetch the weights (91 MiB) into torch hub's cache, where pytorch-fid looks for them; ValueError if that fails."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(URL, str(path), hash_prefix=HASH_PREFIX)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"can't download {URL} ({error}): give inception_weights=PATH or features=shipped") from error
    return path


class Inception(Extractor):
    """Pool features (2048) of the TensorFlow Inception of 2015 in pytorch-fid's port, by its code.

    Args:
        weights: path of ``pt_inception-2015-12-05-6726825d.pth``.

    Raises:
        ValueError: no such file, or another one.
    """

    name = "pytorch-fid InceptionV3 2048"
    suffix = ""
    resizing = "bilinear to 299x299 without antialiasing (pytorch-fid)"

    def __init__(self, weights: Path) -> None:
        if not weights.is_file():
            raise ValueError(f"no Inception weights at {weights}: correct inception_weights, or leave it out")
        digest = file_hash(weights)
        if not digest.startswith(HASH_PREFIX):
            raise ValueError(f"{weights} is not {FILE_NAME}: its SHA-256 begins with {digest[:8]}, not {HASH_PREFIX}")
        self.weights = weights
        self.weights_hash = digest[:16]

    def __call__(self, pictures: Sequence[Image]) -> Features:
        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            features: torch.Tensor = self._network(images)[0]
        return features.flatten(1).double().numpy()

    @cached_property
    def _network(self) -> nn.Module:
        make_torchvision_importable()
        from pytorch_fid import inception

        state = torch.load(self.weights, map_location="cpu", weights_only=True)

        def given(*_: Any, **__: Any) -> dict[str, torch.Tensor]:
            return dict(state)

        # pytorch-fid builds its network around a download; handing it the file keeps its construction code.
        with mock.patch.object(inception, "load_state_dict_from_url", given):
            return inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[DIMENSION]]).eval()
