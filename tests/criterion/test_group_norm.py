"""Sparse training draws whole groups of channels to zero, the small ones most."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import torch
import torch_pruning as tp

from vtoncompress.criterion.group_norm import GroupNorm, group_sparsity, squared_norms
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.groups import Group, find_groups

DATA = Synthetic("train", 8, 128, 96)
LOSS = {"image": 1.0}


@pytest.fixture
def groups(toy: PFAFN) -> list[Group]:
    return find_groups(toy, ["warp", "generator"])


def _criterion(strength: float = 1e-2, samples: int = 4) -> GroupNorm:
    return GroupNorm(samples, 2, 1e-3, "no", 0, strength, LOSS)


def test_the_penalty_s_gradient_is_the_one_of_torch_pruning_s_own_sparse_training(
    toy: PFAFN, groups: list[Group]
) -> None:
    """Of the whole network, whatever its skip connections tie."""
    model = copy.deepcopy(toy)
    group_sparsity(groups).backward()
    pruner = tp.pruner.GroupNormPruner(
        model,
        tuple(model.example_inputs()),
        importance=tp.importance.GroupMagnitudeImportance(p=2, group_reduction="sum", normalizer=None),
        reg=1.0,
        alpha=2.0**4,
        ignored_layers=[model.get_submodule(name) for name in model.output_layers()],
        forward_fn=lambda _, inputs: model.dependency_outputs(*inputs),
    )
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    pruner.regularize(model, alpha=2.0**4)
    name = "generator.model.model.0.weight"
    expected, found = (dict(one.named_parameters())[name].grad for one in (model, toy))
    assert expected is not None
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_norms_are_over_all_tied_layers(groups: list[Group]) -> None:
    magnitude = tp.importance.GroupMagnitudeImportance(p=2, group_reduction="sum", normalizer=None)
    for group in groups:
        torch.testing.assert_close(squared_norms(group).detach(), magnitude(group.tied), rtol=1e-4, atol=1e-6)


def test_training_draws_the_norms_down(toy: PFAFN, groups: list[Group], tmp_path: Path) -> None:
    free = copy.deepcopy(toy)
    _criterion(0.0).prepare(free, find_groups(free, ["warp", "generator"]), DATA, tmp_path / "free")
    _criterion(1.0).prepare(toy, groups, DATA, tmp_path / "drawn")
    norms = [
        sum(squared_norms(group).sum().item() for group in find_groups(model, ["warp", "generator"]))
        for model in (free, toy)
    ]
    assert norms[1] < norms[0]


def test_without_samples_nothing_is_trained(toy: PFAFN, groups: list[Group]) -> None:
    before = {name: value.clone() for name, value in toy.state_dict().items()}
    criterion = _criterion(samples=0)
    criterion.check(None)
    criterion.prepare(toy, groups, None, None)
    assert all(torch.equal(value, before[name]) for name, value in toy.state_dict().items())


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("strength", -1, "criterion.strength=-1: use 0 or more"),
        ("samples", 1, "criterion.samples=1: use 2 (a batch) or more"),
        ("samples", -4, "criterion.samples=-4: use 2 (a batch) or more"),
        ("batch_size", 1, "criterion.batch_size=1: a batch needs 2 pairs or more (batch norm)"),
        ("learning_rate", 0.0, "criterion.learning_rate=0.0: use more than 0"),
        ("learning_rate", float("nan"), "criterion.learning_rate=nan: use more than 0"),
    ],
)
def test_options_that_can_not_be_are_refused_by_their_names(option: str, value: float, message: str) -> None:
    options = {"samples": 4, "batch_size": 2, "learning_rate": 1e-3, "strength": 1e-2, option: value}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        GroupNorm(**options, mixed_precision="no", workers=0, loss=LOSS)  # type: ignore[arg-type]


def test_too_few_pairs_are_told() -> None:
    with pytest.raises(ValueError, match=r"criterion.samples=16, but the training data has 8: use 8 or fewer"):
        _criterion(samples=16).check(DATA)
