"""Stages 1 and 2: what learns, from what, and what is minimised."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.training_stage.conftest import NETWORK, StageOf
from vtoncompress.model.pf_afn.multi_level import at_size_of, warp_levels
from vtoncompress.model.pf_afn.parser_based import ParserBased
from vtoncompress.model.pf_afn.representation import represent

WARP = {"multi_level_warped", "multi_level_mask", "perceptual_warped", "second_order", "total_variation"}
RESULT = {"result", "perceptual_result", "weight"}


@pytest.mark.parametrize("name, terms", [("parser_based_warp", WARP), ("parser_based", WARP | RESULT)])
def test_terms_and_what_they_teach(
    stage_of: StageOf, teacher: ParserBased, stage_batch: dict[str, Tensor], name: str, terms: set[str]
) -> None:
    stage = stage_of(name)
    assert stage.start == (None if name == "parser_based_warp" else "somewhere/parser_based_warp")
    losses = stage.objective(teacher.train(), None)(stage_batch)
    assert losses.keys() == terms
    torch.stack(list(losses.values())).sum().backward()
    taught = {key.split(".")[0] for key, value in teacher.named_parameters() if value.grad is not None}
    assert taught == ({"warp"} if name == "parser_based_warp" else {"warp", "generator"})


def test_the_person_s_own_garment_is_the_goal(
    stage_of: StageOf, teacher: ParserBased, stage_batch: dict[str, Tensor]
) -> None:
    batch, teacher = stage_batch, teacher.eval()
    losses = stage_of("parser_based").objective(teacher, None)(batch)
    trace = teacher(
        batch["person"],
        represent(batch["joints"], batch["parts"], batch["kept"]),
        batch["garment"],
        batch["garment_mask"],
    )
    torch.testing.assert_close(losses["result"], 5 * (trace.image - batch["person"]).abs().mean())
    cut_out = batch["garment"] * (batch["garment_mask"] > 0.5)
    goal = batch["person"] * batch["region"]
    expected = sum(F.l1_loss(level, at_size_of(level, goal)) for level in warp_levels(cut_out, trace.flows))
    torch.testing.assert_close(losses["multi_level_warped"], expected)


def test_what_the_person_wears_is_not_told(
    stage_of: StageOf, teacher: ParserBased, stage_batch: dict[str, Tensor]
) -> None:
    """Or the teacher would copy it, and could put on nothing else."""
    objective = stage_of("parser_based").objective(teacher.eval(), None)
    hidden = {**stage_batch, "person": stage_batch["person"] * stage_batch["kept"]}
    assert torch.equal(objective.call(stage_batch).image, objective.call(hidden).image)


def test_statistics_are_averaged_of_the_part_that_learns(
    stage_of: StageOf, teacher: ParserBased, examples: object
) -> None:
    before = copy.deepcopy(teacher.state_dict())
    stage_of("parser_based_warp").objective(teacher, None).reestimate(examples, 2)
    changed = {key.split(".")[0] for key, value in teacher.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"warp"}


def test_its_network_is_a_parser_based_one(stage_of: StageOf) -> None:
    assert isinstance(stage_of("parser_based_warp").begin(**NETWORK), ParserBased)
