"""What a parser-based network is told: where joints are, which part of the body a pixel is, what stays."""

from __future__ import annotations

import math

import torch

from vtoncompress.model.pf_afn.representation import CHANNELS, JOINTS, PARTS, SPREAD, joint_maps, represent


def test_a_joint_is_a_spot_about_its_place() -> None:
    joints = torch.zeros(2, JOINTS, 3)
    joints[1, 4] = torch.tensor([20.0, 40.0, 0.3])
    joints[1, 5] = torch.tensor([20.0, 40.0, 0.0])  # not seen
    maps = joint_maps(joints, (64, 48))
    assert maps.shape == (2, JOINTS, 64, 48)
    assert maps.sum((2, 3)).nonzero().tolist() == [[1, 4]]
    spot, spread = maps[1, 4], SPREAD * 64
    assert divmod(int(spot.argmax()), 48) == (40, 20)
    assert float(spot[40, 20]) == 1
    torch.testing.assert_close(float(spot[43, 18]), math.exp(-(3**2 + 2**2) / (2 * spread**2)), rtol=1e-6, atol=0)


def test_channels_are_joints_parts_and_what_is_kept() -> None:
    parts = torch.randint(0, PARTS, (2, 1, 8, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    kept = (parts == 3).float()
    found = represent(torch.zeros(2, JOINTS, 3), parts, kept)
    assert found.shape == (2, CHANNELS, 8, 6)
    assert found.dtype == torch.float32
    assert torch.equal(found[:, JOINTS : JOINTS + PARTS].argmax(1, keepdim=True), parts.long())
    assert torch.equal(found[:, JOINTS : JOINTS + PARTS].sum(1), torch.ones(2, 8, 6))
    assert torch.equal(found[:, -1:], kept)
