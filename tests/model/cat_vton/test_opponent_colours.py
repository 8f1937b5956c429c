"""Colours that an autoencoder sees as clearly as lightness."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.model.cat_vton.conftest import TINY
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.opponent_colours import opponent_colours, see_opponent_colours


def test_grey_has_lightness_alone() -> None:
    grey = torch.tensor([-1.0, 0.0, 0.5]).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    expected = torch.stack([grey[:, 0], torch.zeros(3, 2, 2), torch.zeros(3, 2, 2)], 1)
    torch.testing.assert_close(opponent_colours(grey), expected)


def test_generated_pictures_vary_in_all_of_them(batch: dict[str, Tensor]) -> None:
    assert ((spread := opponent_colours(batch["truth"]).std((0, 2, 3))) > 0.2).all(), spread
    assert (spread < 2).all(), spread


def test_a_convolution_of_a_picture_becomes_that_of_its_opponent_colours(batch: dict[str, Tensor]) -> None:
    before = nn.Conv2d(3, 4, 3, padding=1)
    after = copy.deepcopy(before)
    see_opponent_colours(after)
    torch.testing.assert_close(after(batch["truth"]), before(opponent_colours(batch["truth"])), atol=1e-4, rtol=1e-4)


def test_the_first_latents_are_held_to_the_colours_of_their_pixels(batch: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    model = CatVTON((64, 48), **TINY)
    pictures = batch["truth"][:2, ..., 32:96, 24:72]
    # Places 0 and 1 of a training show the truth.
    given = {"truth": pictures, "garment": pictures, "person": pictures, "agnostic_mask": pictures[:, :1] * 0}
    given["place"] = torch.tensor([0, 1])
    with torch.no_grad():
        found = model.losses(given, {"colours": 2.0})["colours"]
        latents = model.vae.encode(pictures).latent_dist.mean[:, :3]  # type: ignore[operator]
        pooled = F.avg_pool2d(opponent_colours(pictures), model.factor)
    torch.testing.assert_close(found, 2 * (latents - pooled).abs().mean())
