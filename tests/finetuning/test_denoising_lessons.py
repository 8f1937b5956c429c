"""A pruned CatVTON learns the dense one's noise and features, or its attention alone does."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from tests.conftest import loss_weights
from tests.model.cat_vton.conftest import TINY_OF_8
from tests.pruning.cat_vton import ATTENTION, UNET
from vtoncompress.criterion.magnitude_l1 import MagnitudeL1
from vtoncompress.data.base import Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.finetuning.denoising_lessons import DenoisingLessons
from vtoncompress.finetuning.distillation import Distillation
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.finetuning.pairs import training_tensors
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.pruning.one_shot import OneShot

NOISE = loss_weights("noise")
BOTH = {"noise": 1.0, "features": 1.0}


@pytest.fixture(scope="module")
def dense() -> CatVTON:
    """Not to be changed."""
    torch.manual_seed(0)
    return CatVTON((128, 96), **TINY_OF_8).eval()


@pytest.fixture(scope="module")
def batch(pairs: list[Pair]) -> dict[str, Tensor]:
    return default_collate([training_tensors(pair, place) for place, pair in enumerate(pairs[:2])])


def _pruned(dense: CatVTON, scope: list[str]) -> CatVTON:
    model = copy.deepcopy(dense)
    OneShot(0.5).prune(model, scope, MagnitudeL1())
    return model


def _terms(student: CatVTON, teacher: CatVTON, batch: dict[str, Tensor], loss: dict[str, float]) -> dict[str, Tensor]:
    return DenoisingLessons(student, OwnLoss(loss), teacher, BOTH, "dense")(batch)


def test_who_is_like_the_teacher_has_nothing_to_learn_from_it(dense: CatVTON, batch: dict[str, Tensor]) -> None:
    terms = _terms(copy.deepcopy(dense), copy.deepcopy(dense), batch, NOISE)
    assert terms["teacher_noise"] == terms["teacher_features"] == 0
    assert torch.equal(terms["noise"], dense.losses(batch, NOISE)["noise"])


@pytest.mark.parametrize("scope", [ATTENTION, UNET])
def test_one_of_any_widths_learns_noise_and_features(
    scope: list[str], dense: CatVTON, batch: dict[str, Tensor]
) -> None:
    student = _pruned(dense, scope)
    terms = _terms(student, copy.deepcopy(dense), batch, {**NOISE, "dream": 0.5})
    assert [*terms] == ["noise", "dream", "teacher_noise", "teacher_features"]
    of = dense.training_latents(batch)
    shown = torch.cat([of.noisy(of.noise), of.known], 1)
    with torch.no_grad():
        noise = [model.denoise(shown, of.timesteps) for model in (student, dense)]
    assert terms["teacher_noise"].item() == pytest.approx((noise[0] - noise[1]).square().mean().item(), rel=1e-5)
    for lesson in ("teacher_noise", "teacher_features"):
        gradients = torch.autograd.grad(
            terms[lesson], [*student.unet.parameters()], retain_graph=True, allow_unused=True
        )
        assert sum(float(one.abs().sum()) for one in gradients if one is not None) > 0


def _mode(**changed: Any) -> Distillation:
    options: dict[str, Any] = {
        "samples": 8, "batch_size": 2, "learning_rate": 2e-3, "warmup": 1, "clip": 1.0, "mixed_precision": "no",
        "workers": 0, "checkpoint_every": 2, "batch_norm_pairs": 2, "loss": NOISE, "distillation": BOTH,
    }  # fmt: skip
    return Distillation(**{**options, **changed})


def test_attention_alone_may_learn_from_the_dense_network(dense: CatVTON, tmp_path: Path) -> None:
    student = _pruned(dense, ATTENTION)
    before = copy.deepcopy(student.state_dict())
    only = {"share": 1.0, "modules": ["unet.*.attn1"]}
    told = _mode(first_phase=only).train(student, Synthetic("train", 8, 128, 96), tmp_path, copy.deepcopy(dense))
    assert told["steps"] == 4
    assert told["loss_teacher_noise"] > 0
    assert told["teacher"]["network"] == "dense"
    changed = {name for name, tensor in student.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {name for name, _ in student.named_parameters() if ".attn1." in name}


def test_lessons_that_a_model_does_not_have_are_refused(dense: CatVTON) -> None:
    with pytest.raises(ValueError, match="CatVTON learns from features, noise, all of which are 0"):
        _mode(distillation={"image": 1.0}).check(dense)
    with pytest.raises(ValueError, match=r"finetuning\.loss\.flow is no term of the loss: there are noise, dream"):
        _mode(loss={"flow": 1.0}).check(dense)
