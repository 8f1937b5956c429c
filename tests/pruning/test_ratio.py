"""Parts of the network lose what they are told to; layers that are tied lose the least of what they are told."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import torch
from torch import nn

from tests.pruning.conftest import Pruned
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.base import Pruning
from vtoncompress.pruning.iterative import Iterative
from vtoncompress.pruning.none import NoPruning
from vtoncompress.pruning.one_shot import OneShot
from vtoncompress.pruning.ratio import Ratios

SCOPE = ["warp", "generator"]
PYRAMIDS = ("warp.image_FPN", "warp.cond_FPN")


def _prune(toy: PFAFN, scope: list[str] = SCOPE, ratio: float = 0.5, **ratios: float) -> PFAFN:
    OneShot(ratio, ratios={name.replace("__", "."): value for name, value in ratios.items()}).prune(
        toy, scope, MagnitudeL2()
    )
    return toy


def _widths(model: nn.Module) -> dict[str, int]:
    return {name: layer.out_channels for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}


def test_each_part_loses_its_own_share(toy: PFAFN, pruned: Pruned) -> None:
    found = _widths(_prune(toy, warp=0.25, generator=0.5))
    quarter, half = _widths(pruned(0.25, *SCOPE)), _widths(pruned(0.5, *SCOPE))
    assert quarter != half
    assert found == {name: (quarter if name.startswith("warp.") else half)[name] for name in found}


def test_ratios_of_all_parts_that_equal_the_common_one_change_nothing(toy: PFAFN, pruned: Pruned) -> None:
    state, expected = _prune(toy, warp=0.5, generator=0.5).state_dict(), pruned(0.5, *SCOPE).state_dict()
    assert all(torch.equal(state[name], value) for name, value in expected.items())


def test_a_ratio_of_zero_keeps_every_channel(toy: PFAFN, toys: dict[str, PFAFN], pruned: Pruned) -> None:
    found = _widths(_prune(toy, warp=0))
    dense, half = _widths(toys["official"]), _widths(pruned(0.5, *SCOPE))
    assert found == {name: (dense if name.startswith("warp.") else half)[name] for name in found}


def test_the_innermost_part_decides(toy: PFAFN, toys: dict[str, PFAFN], pruned: Pruned) -> None:
    found = _widths(_prune(toy, warp=0.5, warp__image_features=0, generator=0))
    dense, half = _widths(toys["official"]), _widths(pruned(0.5, *SCOPE))
    for name, width in found.items():
        kept = name.startswith(("warp.image_features.", "generator."))
        # The encoder's last layers are tied to nothing, so that it alone is left whole.
        assert width == (dense if kept else half)[name], name


def _tied(toy: PFAFN) -> list[int]:
    """Widths of the pyramids' layers that are added or compared; each one's first layer feeds only its second."""
    return [
        width
        for name, width in _widths(toy).items()
        if name.startswith(PYRAMIDS) and not name.endswith("FPN.adaptive.0")
    ]


@pytest.mark.parametrize("larger, smaller", [PYRAMIDS, PYRAMIDS[::-1]])
def test_tied_layers_lose_the_smallest_of_their_shares(toy: PFAFN, larger: str, smaller: str) -> None:
    """The pyramids are compared channel by channel. Whichever torch-pruning meets first must not decide."""
    OneShot(0.5, ratios={larger: 0.5, smaller: 0.25}).prune(toy, SCOPE, MagnitudeL2())
    assert _tied(toy) == [12] * 18
    assert _widths(toy)[f"{larger}.adaptive.0"] == 8


def test_tied_layers_stay_where_one_of_them_is_to_stay(toy: PFAFN) -> None:
    OneShot(0.5, ratios={PYRAMIDS[0]: 0}).prune(toy, SCOPE, MagnitudeL2())
    assert _tied(toy) == [16] * 18


def test_steps_add_up_to_each_ratio(toys: dict[str, PFAFN], toy: PFAFN) -> None:
    once = _prune(copy.deepcopy(toys["official"]), warp=0.25, generator=0.75)
    Iterative(0.5, 3, ratios={"warp": 0.25, "generator": 0.75}).prune(toy, SCOPE, MagnitudeL2())
    assert _widths(toy) == _widths(once)


@pytest.mark.parametrize("ratio", [1, -0.1, 1.5, float("nan"), "much", True])
@pytest.mark.parametrize("mode", [OneShot, Iterative])
def test_a_ratio_that_is_no_share_is_refused_before_any_work(mode: Any, ratio: Any) -> None:
    options = {"steps": 2} if mode is Iterative else {}
    with pytest.raises(ValueError, match=rf"pruning\.ratios\.warp={ratio}: give the share of channels to remove, at l"):
        mode(0.5, ratios={"warp": ratio}, **options)


def test_one_ratio_for_all_and_one_module_as_a_scope_are_told_how_they_are_written(toy: PFAFN) -> None:
    with pytest.raises(ValueError, match=r"pruning.ratios=0.3: ratios by submodule are needed"):
        OneShot(0.5, ratios=0.3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"scope.modules=warp: a list is needed, such as scope.modules=\[warp\]"):
        OneShot(0.5).check(toy, "warp")


@pytest.mark.parametrize(
    "part, scope, message",
    [
        ("wrap", SCOPE, "pruning.ratios names 'wrap', which PFAFN lacks: it has warp, generator, warp.image_features"),
        ("generator", ["warp"], "pruning.ratios.generator lies outside the scope (warp): choose one of warp, "),
        ("warp.sample", SCOPE, "pruning.ratios.warp.sample holds no convolution: choose one of warp, "),
    ],
)
def test_a_part_that_can_not_be_pruned_is_refused_and_nothing_pruned(
    toy: PFAFN, toys: dict[str, PFAFN], part: str, scope: list[str], message: str
) -> None:
    pruning: Pruning = OneShot(0.5, ratios={part: 0.3})
    for refused in (pruning.check, lambda model, scope: pruning.prune(model, scope, MagnitudeL2())):
        with pytest.raises(ValueError, match=re.escape(message)):
            refused(toy, scope)
    assert _widths(toy) == _widths(toys["official"])


def test_the_check_needs_no_weights_and_passes_what_can_work() -> None:
    with torch.device("meta"):
        model = PFAFN(1 / 16, (128, 96), "official")
    OneShot(0.5, ratios={"warp": 0.3, "warp.image_FPN": 0}).check(model, SCOPE)
    Iterative(0.5, 2, ratios={"generator.model": 0.1}).check(model, SCOPE)
    NoPruning(ratio=0.5, ratios={"anything": 2}).check(model, SCOPE)


def test_a_part_within_a_part_may_be_written_as_hydra_writes_it() -> None:
    nested = {"warp": {"image_FPN": 0.1, "aflow_net": {"netMain": 0.2}}, "generator": 0.3, "warp.cond_FPN": 0.4}
    assert OneShot(0.5, ratios=nested).budget.ratios.parts == {
        "warp.image_FPN": 0.1, "warp.aflow_net.netMain": 0.2, "generator": 0.3, "warp.cond_FPN": 0.4
    }  # fmt: skip


def test_the_common_ratio_is_that_of_what_no_part_holds() -> None:
    ratios = Ratios(0.5, {"warp": 0.1, "warp.image": 0.2})
    layers = ("generator.a", "warp.a", "warp.image.a", "warp.image_features.a")
    assert [ratios.of(name) for name in layers] == [0.5, 0.1, 0.2, 0.1]


@pytest.mark.parametrize("part", ["warp.sample", "generator.model.model.6", "warp.aflow_net.netMain.0.6"])
def test_a_scope_with_nothing_to_prune_is_told_before_any_work(toy: PFAFN, part: str) -> None:
    with pytest.raises(ValueError, match=f"scope {re.escape(part)} holds nothing to prune"):
        Ratios(0.5, {}).check(toy, [part])
