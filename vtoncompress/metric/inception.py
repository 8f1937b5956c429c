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
from vtoncompress.metric.inception_input import RULES, SIDE
from vtoncompress.metric.torchvision_import import make_torchvision_importable

URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
FILE_NAME = URL.rsplit("/", 1)[1]
HASH_PREFIX = "6726825d"
"""Of the file's SHA-256, as published in its name."""
DIMENSIONS = (64, 192, 768, 2048)
"""Of the four blocks after which pytorch-fid can stop; published figures are of the last."""

TOGETHER = 8
"""Pictures looked at together: more are no faster on a CPU and take memory, 30 MiB each."""


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
    """Features of the TensorFlow Inception of 2015 in pytorch-fid's port, run in float32 by OpenVINO.

    OpenVINO takes less than half of eager PyTorch's time for the same numbers, up to float32's rounding.

    Args:
        weights: path of ``pt_inception-2015-12-05-6726825d.pth``.
        dimension: 2048 (the pool before the classifier), or 64, 192, 768: an earlier block's mean over its positions.
        resizing: ``pytorch_fid`` or ``clean_fid``, see :mod:`vtoncompress.metric.inception_input`.
        hash_prefix: of the file's SHA-256; another than the published one is of a stand-in, whose columns end so.

    Raises:
        ValueError: no such file, or another one; another dimension or rule.
    """

    def __init__(
        self,
        weights: Path,
        dimension: int = 2048,
        resizing: str = "pytorch_fid",
        hash_prefix: str = HASH_PREFIX,
    ) -> None:
        check_choice(dimension, resizing)
        if not weights.is_file():
            raise ValueError(f"no Inception weights at {weights}: correct inception_weights, or leave it out")
        digest = file_hash(weights)
        if not digest.startswith(hash_prefix):
            raise ValueError(f"{weights} is not {FILE_NAME}: its SHA-256 begins with {digest[:8]}, not {hash_prefix}")
        self.weights, self.dimension = weights, dimension
        self.weights_hash = digest[:16]
        self.name = f"pytorch-fid InceptionV3 {dimension}"
        self.suffix = "" if hash_prefix == HASH_PREFIX else "_stand_in"
        self._prepare, self.resizing = RULES[resizing]

    def __call__(self, pictures: Sequence[Image]) -> Features:
        parts = [pictures[start : start + TOGETHER] for start in range(0, len(pictures), TOGETHER)]
        found = [self._compiled(self._prepare(part))[0].astype(np.float64).mean((2, 3)) for part in parts]
        return np.concatenate(found)

    @cached_property
    def _compiled(self) -> Any:
        # Here, so that who looks through the shipped network does not wait for it.
        from vtoncompress.export.openvino_ir import disable_telemetry

        disable_telemetry()
        import openvino

        # Traced by ourselves: OpenVINO would trace twice more to check what a network without branches can't get wrong.
        example = torch.zeros(1, 3, SIDE, SIDE)
        with torch.no_grad():
            traced = torch.jit.trace(build_network(self.weights, self.dimension), example, check_trace=False)
        graph = openvino.convert_model(traced, example_input=example)
        graph.reshape([-1, 3, SIDE, SIDE])
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        return openvino.Core().compile_model(graph, "CPU", options)


def check_choice(dimension: int, resizing: str) -> None:
    """ValueError for what pytorch-fid's network, or no published rule, has."""
    if dimension not in DIMENSIONS:
        raise ValueError(f"inception_dimension={dimension}: choose one of {', '.join(map(str, DIMENSIONS))}")
    if resizing not in RULES:
        raise ValueError(f"inception_resizing={resizing}: choose one of {', '.join(RULES)}")


def build_network(weights: Path, dimension: int) -> nn.Module:
    """pytorch-fid's network up to the block of this dimension, in evaluation mode.

    Of (N, 3, 299, 299) in -1..1 -> (N, dimension, h, w), for 2048 with h = w = 1.
    """
    make_torchvision_importable()
    from pytorch_fid import inception

    state = torch.load(weights, map_location="cpu", weights_only=True)

    def given(*_: Any, **__: Any) -> dict[str, torch.Tensor]:
        return dict(state)

    block = inception.InceptionV3.BLOCK_INDEX_BY_DIM[dimension]
    # pytorch-fid builds its network around a download; handing it the file keeps its construction code.
    with mock.patch.object(inception, "load_state_dict_from_url", given):
        return _OneOutput(inception.InceptionV3([block], resize_input=False, normalize_input=False)).eval()


class _OneOutput(nn.Module):
    """Of a network that gives a list of one."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.network(pictures)[0]
        return features
