"""The UNet in two: with features of the same timestep its outer layers predict what all of it does."""

from __future__ import annotations

import pytest
import torch

from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.split_unet import DeepDenoiser, OuterDenoiser, feature_shape, up_layers
from vtoncompress.sampling.ddim import DDIM


@pytest.mark.parametrize("size", [(32, 12), (18, 7)])  # one can't be halved evenly
@pytest.mark.parametrize("layers", [1, 3, 5])
def test_outer_layers_finish_what_the_deep_ones_began(model: CatVTON, layers: int, size: tuple[int, int]) -> None:
    random = torch.Generator().manual_seed(2)
    latents, timestep = torch.randn(2, 9, *size, generator=random), torch.tensor(500)
    outer = OuterDenoiser(model.unet, layers)
    with torch.no_grad():
        expected = model.denoiser()(latents, timestep)
        noise, features = DeepDenoiser(model.unet, layers)(latents, timestep)
        again, other = outer(latents, timestep, features), outer(latents, timestep, 0 * features)
    assert torch.allclose(noise, expected, atol=1e-5)
    assert torch.allclose(again, expected, atol=1e-5)
    assert (other - expected).abs().max() > 1e-3
    assert feature_shape(model.unet, layers, latents) == [*features.shape]


def test_no_layer_left_to_be_deep_is_one_line(model: CatVTON) -> None:
    count = up_layers(model.unet)
    with pytest.raises(ValueError, match=f"reuse_layers={count}: the way up .* has {count} layers, use 1 to"):
        model.set_sampling(DDIM(reuse=2, reuse_layers=count))
