"""Each level's flow moves the picture by as many pixels as it says, at the level's size."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vtoncompress.model.pf_afn.multi_level import multi_level, to_level_pixels, to_offsets, warp_levels

SIZE = (32, 24)


def _identity(step: int) -> Tensor:
    """Where a pixel of a level looks that looks at itself: the middle of those that it covers."""
    rows, columns = (torch.arange(n // step, dtype=torch.float64) * step + (step - 1) / 2 for n in SIZE)
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"))[None]


@pytest.fixture
def picture() -> Tensor:
    return torch.rand(1, 3, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_a_flow_that_points_to_itself_leaves_every_level_as_it_is(picture: Tensor) -> None:
    flows = [_identity(step) for step in (8, 4, 1)]
    levels = warp_levels(picture, flows)
    for level, step in zip(levels, (8, 4, 1), strict=True):
        torch.testing.assert_close(level, F.avg_pool2d(picture, step))
    assert multi_level(F.l1_loss, levels, picture).item() == pytest.approx(0, abs=1e-12)
    for offset in to_offsets(flows):
        torch.testing.assert_close(offset, torch.zeros_like(offset))


def test_a_move_of_eight_pixels_is_one_of_two_on_a_level_of_a_quarter(picture: Tensor) -> None:
    flows = [flow + torch.tensor([8.0, 0.0]).view(1, 2, 1, 1) for flow in (_identity(4), _identity(1))]
    coarse, fine = warp_levels(picture, flows)
    torch.testing.assert_close(fine[..., :-8], picture[..., 8:])
    torch.testing.assert_close(coarse[..., :-2], F.avg_pool2d(picture, 4)[..., 2:])
    torch.testing.assert_close(coarse[..., -1], F.avg_pool2d(picture, 4)[..., -1])  # the border goes on
    assert (to_offsets(flows)[0][:, 0] - 2).abs().max() < 1e-9
    assert (to_offsets(flows)[1][:, 0] - 8).abs().max() < 1e-9
    torch.testing.assert_close(to_level_pixels(flows)[1], flows[1])


def test_a_mask_ends_at_the_picture_s_edge() -> None:
    (mask,) = warp_levels(torch.ones(1, 1, *SIZE, dtype=torch.float64), [_identity(1) + 5], padding_mode="zeros")
    assert mask[..., :-5, :-5].min() == 1
    assert mask[..., -4:].max() == mask[..., -4:, :].max() == 0


def test_gradients_are_those_of_finite_differences(picture: Tensor) -> None:
    target = picture.flip(-1)
    flow = (_identity(8) + 1.7).requires_grad_()

    def distance(flow: Tensor) -> Tensor:
        return multi_level(F.mse_loss, warp_levels(picture, [flow, F.interpolate(flow, scale_factor=2)]), target)

    assert torch.autograd.gradcheck(distance, flow)
