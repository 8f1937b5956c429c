from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch_pruning as tp
from torch import Tensor, nn

from tests.pruning.conftest import Pruned
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.criterion.random import Random
from vtoncompress.metric.macs import count_macs
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.groups import find_groups
from vtoncompress.pruning.iterative import Iterative

NAMES = ("person", "garment", "garment_mask")


def _widths(model: nn.Module) -> list[int]:
    return [layer.out_channels for layer in model.modules() if isinstance(layer, nn.Conv2d)]


def test_the_steps_add_up_to_the_ratio(toys: dict[str, PFAFN], pruned: Pruned) -> None:
    once, stepwise = pruned(0.5, "warp", "generator"), pruned(0.5, "warp", "generator", steps=2)
    assert _widths(stepwise) == _widths(once) != _widths(toys["official"])


def test_parameters_and_macs_fall_with_the_ratio(toys: dict[str, PFAFN], pruned: Pruned) -> None:
    models = [toys["official"], *(pruned(ratio, "generator", steps=2) for ratio in (0.25, 0.5))]
    inputs = dict(zip(NAMES, models[0].example_inputs(), strict=True))
    costs = [count_macs(model, inputs).total for model in models]
    counts = [sum(p.numel() for p in model.parameters()) for model in models]
    assert costs == sorted(set(costs), reverse=True)
    assert counts == sorted(set(counts), reverse=True)
    assert all(
        torch.equal(value, models[0].warp.state_dict()[key]) for key, value in models[2].warp.state_dict().items()
    )


def test_the_importance_is_computed_before_every_step(toy: PFAFN, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first layer's width each time its channels are compared: the second time on what the first step left."""
    layer, seen = toy.generator.model.model[0], []
    criterion = MagnitudeL2()
    importance = criterion.importance()

    def watched(group: Any) -> Tensor:
        if any(dep.layer is layer and dep.pruning_fn == tp.prune_conv_out_channels for dep, _ in group):
            seen.append(layer.out_channels)
        return importance(group)

    monkeypatch.setattr(criterion, "importance", lambda *_: watched)
    Iterative(0.5, 2).prune(toy, ["generator"], criterion)
    assert seen == [4, 3]
    assert layer.out_channels == 2


@pytest.mark.parametrize("ratio", [0, 1, -0.1, 1.5])
def test_a_ratio_that_is_no_share_is_refused_before_any_work(ratio: float) -> None:
    with pytest.raises(ValueError, match=rf"pruning\.ratio={ratio}: give the share of channels to remove"):
        Iterative(ratio, 3)


def test_no_steps_are_refused() -> None:
    with pytest.raises(ValueError, match=r"pruning\.steps=0: use 1 or more"):
        Iterative(0.5, 0)


def test_an_unknown_scope_is_refused(toy: PFAFN) -> None:
    with pytest.raises(ValueError, match="scope names 'decoder'"):
        Iterative(0.5, 2).prune(toy, ["decoder"], MagnitudeL2())


def test_every_step_but_the_last_is_trained_after(toy: PFAFN, tmp_path: Path) -> None:
    layer, seen = toy.generator.model.model[0], []

    def recovery(model: TryOnModel, folder: Path) -> None:
        assert model is toy
        seen.append((layer.out_channels, folder.name))

    Iterative(0.5, 3, 4).prune(toy, ["generator"], MagnitudeL2(), None, tmp_path, recovery)
    assert seen == [(3, "recovery_0"), (2, "recovery_1")]
    assert layer.out_channels == 2


def test_one_that_is_killed_between_steps_goes_on_to_the_same_network(toy: PFAFN, tmp_path: Path) -> None:
    def recovery(model: TryOnModel, folder: Path) -> None:
        """As a training does: from the weights that are there."""
        model.generator.model.model[0].weight.data.mul_(1.5).add_(0.01)
        model.warp.aflow_net.netMain[0][0].weight.data.mul_(-0.5)
        done.append(folder.name)
        if len(done) == stop_after:
            raise KeyboardInterrupt

    def run(model: PFAFN, folder: Path) -> PFAFN:
        Iterative(0.5, 3, 4).prune(model, ["warp", "generator"], Random(), None, folder, recovery)
        return model

    done: list[str] = []
    stop_after = 0
    torch.manual_seed(5)
    undisturbed = run(copy.deepcopy(toy), tmp_path / "undisturbed")
    stop_after, done[:] = 2, []
    with pytest.raises(KeyboardInterrupt):
        run(copy.deepcopy(toy), tmp_path / "killed")
    torch.rand(7)
    again = run(copy.deepcopy(toy), tmp_path / "killed")
    assert done == ["recovery_0", "recovery_1", "recovery_1"]
    expected, found = undisturbed.state_dict(), again.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_global_ranking_spends_the_ratio_where_channels_matter_least(toy: PFAFN, toys: dict[str, PFAFN]) -> None:
    dense = {group.name: group.channels for group in find_groups(toys["official"], ["warp", "generator"])}
    Iterative(0.4, 3, ranking="global", max_ratio=0.6).prune(toy, ["warp", "generator"], MagnitudeL2())
    left = {group.name: group.channels for group in find_groups(toy, ["warp", "generator"])}
    for name, width in dense.items():
        assert int(width * 0.4) <= left[name] <= width
    assert len({round(left[name] / width, 2) for name, width in dense.items() if width >= 16}) > 2
    assert sum(left.values()) == int(0.6 * sum(dense.values()))
