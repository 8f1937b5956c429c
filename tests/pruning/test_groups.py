"""Layers whose channels are tied are one group, found without changing the network."""

from __future__ import annotations

import copy

import torch
from torch import nn

from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.groups import find_groups

WHOLE = ("warp", "generator")


def test_every_layer_but_the_output_layers_is_in_one_group(toy: PFAFN) -> None:
    groups = find_groups(toy, WHOLE)
    members = [member for group in groups for member in group.members]
    convolutions = [name for name, layer in toy.named_modules() if isinstance(layer, nn.Conv2d)]
    assert sorted(members) == sorted(set(convolutions) - set(toy.output_layers()))
    for group in groups:
        assert {toy.get_submodule(member).out_channels for member in group.members} == {group.channels}
        assert group.name == min(group.members, key=convolutions.index)


def test_the_number_of_groups_is_the_architecture_s(toy: PFAFN) -> None:
    """Five levels of an encoder have a sum of three layers and two layers within blocks; a flow head has three layers;
    the generator's nine half-levels are as an encoder's level; the pyramids are counted below.
    """
    expected = {"image_features": 15, "cond_features": 15, "aflow_net": 30}
    for part, number in expected.items():
        assert len(find_groups(toy, [f"warp.{part}"])) == number, part
    assert len(find_groups(toy, ["generator"])) == 27
    assert len(find_groups(toy, WHOLE)) == 94


def test_both_pyramids_are_tied_level_by_level(toy: PFAFN) -> None:
    groups = [group.members for group in find_groups(toy, ["warp.image_FPN", "warp.cond_FPN"])]
    both = [f"warp.{side}_FPN" for side in ("image", "cond")]
    tied = [
        tuple(f"{side}.{layer}" for side in both for layer in (f"adaptive.{level + 1}", f"smooth.{level}"))
        for level in range(4)
    ]
    alone = [(f"{side}.adaptive.0",) for side in both]
    last = tuple(f"{side}.smooth.4" for side in both)
    assert sorted(groups) == sorted([*tied, *alone, last])


def test_a_group_that_leaves_the_scope_is_none_of_it(toy: PFAFN) -> None:
    assert [group.members for group in find_groups(toy, ["warp.image_FPN"])] == [("warp.image_FPN.adaptive.0",)]
    assert find_groups(toy, ["warp.image_FPN.smooth.4"]) == []
    assert find_groups(toy, toy.output_layers()) == []


def test_the_network_is_left_as_it_was(toy: PFAFN) -> None:
    before = copy.deepcopy(toy.state_dict())
    toy.train()
    find_groups(toy, WHOLE)
    assert toy.training
    assert all(torch.equal(value, before[key]) for key, value in toy.state_dict().items())
