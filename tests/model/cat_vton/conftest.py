"""The small network of the golden vectors, filled by their rule, and their inputs."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vtoncompress.model.cat_vton import CatVTON

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
CONFIG: dict[str, Any] = json.loads((GOLDEN / "cat_vton_config.json").read_text())
SIZE = (128, 96)
TINY: dict[str, Any] = {
    "unet": {
        **CONFIG["unet_config"],
        "block_out_channels": [8, 8],
        "norm_num_groups": 4,
        "attention_head_dim": 2,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    },
    "vae": {
        **CONFIG["vae_config"],
        "block_out_channels": [8, 8],
        "norm_num_groups": 4,
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
    },
    "scheduler": CONFIG["scheduler_config"],
}
"""Smaller still, with an autoencoder that downsamples by 2."""
TINY_OF_8: dict[str, Any] = {
    **TINY,
    "vae": {
        **TINY["vae"],
        "block_out_channels": [8] * 4,
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
    },
}
"""The same for generated pictures, with one that downsamples by 8."""


def arguments(size: tuple[int, int] = SIZE) -> dict[str, Any]:
    """Of :class:`CatVTON`."""
    parts = {name: CONFIG[f"{name}_config"] for name in ("unet", "vae", "scheduler")}
    return {"size": list(size), **parts}


def fill(network: nn.Module) -> None:
    """Every parameter by the golden vectors' rule; group norms have no running statistics."""
    for name, tensor in sorted(network.state_dict().items()):
        drawn = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))
        if tensor.ndim > 1:
            tensor.copy_(drawn * (2 / tensor[0].numel()) ** 0.5 * 0.5)
        else:
            tensor.copy_((1 if name.endswith("weight") else 0) + 0.1 * drawn)


def picture(seed: int, channels: int) -> Tensor:
    """(1, channels, 128, 96) in -1..1, smooth."""
    height, width = SIZE
    noise = torch.rand(1, channels, height // 16, width // 16, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(noise * 2 - 1, SIZE, mode="bilinear", align_corners=False)


@pytest.fixture(scope="session")
def golden() -> dict[str, Tensor]:
    return load_file(GOLDEN / "cat_vton.safetensors")


@pytest.fixture(scope="session")
def model() -> CatVTON:
    """Not to be changed, but for its sampling."""
    model = CatVTON(**arguments()).eval()
    fill(model.unet)
    fill(model.vae)
    return model


@pytest.fixture
def fresh() -> CatVTON:
    """Untrained, of :data:`TINY`."""
    torch.manual_seed(3)
    return CatVTON((64, 48), **TINY)
