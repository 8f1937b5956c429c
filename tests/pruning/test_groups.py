from __future__ import annotations

import pytest

from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.groups import find_groups, trace


@pytest.mark.parametrize(
    "scope, groups",
    [
        # Of each encoder five levels; the first of each level's residual blocks is tied to the stem, two are inside.
        (["warp.image_features"], 15),
        (["warp.cond_features"], 15),
        (["warp.image_features", "warp.cond_features"], 30),
        # One a level, and one of either side inside the coarsest.
        (["warp.image_features", "warp.cond_features", "warp.image_FPN", "warp.cond_FPN"], 37),
        (["warp.aflow_net"], 30),
    ],
)
def test_a_scope_has_the_groups_that_lie_in_it_whole(toy: PFAFN, scope: list[str], groups: int) -> None:
    found = find_groups(toy, trace(toy), scope)
    assert len(found) == groups
    layers = [layer for group in found for layer in group.layers]
    assert len(layers) == len(set(layers))


def test_both_pyramids_are_one_group_at_every_level(toy: PFAFN) -> None:
    """What is compared is tied, and so is what is added to it: the level below, through its upsampling."""
    tied = [group for group in find_groups(toy, trace(toy), ["warp"]) if "FPN.smooth" in "".join(group.layers)]
    assert sorted(group.layers for group in tied) == sorted(
        (
            *((f"warp.image_FPN.adaptive.{level + 1}",) if level < 4 else ()),
            f"warp.image_FPN.smooth.{level}",
            *((f"warp.cond_FPN.adaptive.{level + 1}",) if level < 4 else ()),
            f"warp.cond_FPN.smooth.{level}",
        )
        for level in range(5)
    )
    assert {group.channels for group in tied} == {16}


def test_one_pyramid_alone_has_no_tied_channels_that_may_go(toy: PFAFN) -> None:
    alone = find_groups(toy, trace(toy), ["warp.image_FPN"])
    assert [group.layers for group in alone] == [("warp.image_FPN.adaptive.0",)]


def test_output_layers_are_in_no_group(toy: PFAFN) -> None:
    layers = {layer for group in find_groups(toy, trace(toy), ["warp", "generator"]) for layer in group.layers}
    assert not layers & set(toy.output_layers())
    assert "generator.model.model.0" in layers
