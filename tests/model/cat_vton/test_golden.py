"""Parity with the published network: its outputs were recorded, so that no weights are needed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.model.cat_vton.conftest import CONFIG, picture
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.unet import attention_state
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.try_on import to_image


def test_the_unet_predicts_what_upstreams_does(model: CatVTON, golden: dict[str, Tensor]) -> None:
    latents = torch.randn(2, 9, 32, 12, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        noise = model.denoiser()(latents, torch.tensor(500))
    assert torch.allclose(noise, golden["unet.t500"], atol=1e-4)


@pytest.mark.parametrize("guidance", [2.5, 1.0])
def test_the_pipeline_paints_what_upstreams_does(model: CatVTON, golden: dict[str, Tensor], guidance: float) -> None:
    model.set_sampling(DDIM(steps=4, guidance=guidance, eta=1.0, seed=555))
    image = model(picture(1, 3), picture(2, 3), golden["mask"])["image"].numpy()
    expected = golden[f"result.guidance{guidance}.steps4"].numpy()
    assert np.abs(to_image(image).astype(int) - expected).max() <= 1


def test_a_picture_depends_on_its_own_seed_and_inputs_alone(model: CatVTON, golden: dict[str, Tensor]) -> None:
    model.set_sampling(DDIM(steps=1))
    people, garments = (torch.cat([picture(seed + one, 3) for one in range(4)]) for seed in (10, 20))
    masks = torch.cat([golden["mask"], 1 - golden["mask"], golden["mask"].flip(2), golden["mask"].flip(3)])
    together = model(people, garments, masks, seeds=[3, 1, 4, 1])["image"]
    for one, seed in enumerate([3, 1, 4, 1]):
        single = model(people[one : one + 1], garments[one : one + 1], masks[one : one + 1], seeds=[seed])["image"]
        assert torch.allclose(single, together[one : one + 1], atol=1e-4)
    assert (together[1] - together[3]).abs().max() > 0.01


def test_attention_is_numbered_as_upstream_numbers_it(model: CatVTON) -> None:
    assert [*attention_state(model.unet)] == CONFIG["attention_checkpoint_keys"]
