"""What guided teachers teach: one call for two, and the same picture from two places on the way."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor

from tests.conftest import ROOT
from tests.model.cat_vton.conftest import TINY, TINY_OF_8
from tests.model.cat_vton.test_loss import two
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.finetuning.consistency import ConsistencyDistillation
from vtoncompress.finetuning.guidance import GuidanceDistillation
from vtoncompress.finetuning.taught_denoiser import TaughtDenoiser
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.options import used

PLACES = (4, 5)


@pytest.fixture
def fresh() -> CatVTON:
    torch.manual_seed(3)
    return CatVTON((64, 48), **TINY)


def mode(choice: str, *options: str) -> Any:
    small = ("samples=8", "batch_size=2", "workers=0", "mixed_precision=no", "learning_rate=2e-3", "warmup=0")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        told = [f"finetuning.{one}" for one in (*small, "schedule=linear", "batch_norm_pairs=0", *options)]
        return instantiate(used(compose("config", [f"finetuning={choice}", *told]).finetuning))


def lesson(found: TaughtDenoiser, student: CatVTON, teacher: CatVTON, batch: dict[str, Tensor]) -> Tensor:
    with torch.no_grad():
        [value] = found.objective(student, teacher).forward(two(batch, *PLACES)).values()
    return value


def test_guidance_is_what_two_calls_of_the_teacher_make(fresh: CatVTON, batch: dict[str, Tensor]) -> None:
    """Which a student that is the teacher does not know, but for a guidance of 1."""
    assert lesson(mode("guidance", "lesson.guidance=1"), fresh, fresh, batch) == 0
    of = fresh.training_latents(two(batch, *PLACES))
    noisy = of.noisy(of.noise)
    with torch.no_grad():
        shown, without = (fresh.denoise(torch.cat([noisy, known], 1), of.timesteps) for known in (of.shown, of.without))
    expected = (1.5 * (shown - without)).square().mean()
    assert torch.isclose(lesson(mode("guidance", "lesson.guidance=2.5"), fresh, fresh, batch), expected, rtol=1e-4)


class Knows(CatVTON):
    """Predicts the very noise that leads from any latents to one picture."""

    picture: Tensor

    def denoise(self, latents: Tensor, timesteps: Tensor) -> Tensor:
        kept = torch.as_tensor(self.schedule.kept(), dtype=torch.float32)[timesteps].view(-1, 1, 1, 1)
        return (latents[:, :4] - kept.sqrt() * self.picture) / (1 - kept).sqrt()


def test_who_knows_the_picture_is_consistent_and_others_are_not(fresh: CatVTON, batch: dict[str, Tensor]) -> None:
    found = mode("consistency")
    knows = Knows((64, 48), **TINY)
    knows.picture = torch.randn(1, 4, 64, 24, generator=torch.Generator().manual_seed(1))
    assert lesson(found, knows, knows, batch) < 1e-3
    assert lesson(found, fresh, fresh, batch) > 1e-2


@pytest.mark.parametrize("choice", ["guidance", "consistency"])
def test_a_student_learns_and_its_teacher_does_not(choice: str, batch: dict[str, Tensor], tmp_path: Path) -> None:
    torch.manual_seed(4)
    student, teacher = (CatVTON((128, 96), **TINY_OF_8) for _ in range(2))
    found, data = mode(choice), Synthetic("train", 8, 128, 96)
    before = copy.deepcopy([teacher.state_dict(), student.vae.state_dict()])
    wrong = lesson(found, student, teacher, batch)
    assert isinstance(found, GuidanceDistillation | ConsistencyDistillation)
    told = found.train(student, data, tmp_path, teacher)
    assert told["teacher"]["network"] == "dense"
    assert lesson(found, student, teacher, batch) < wrong
    for old, new in zip(before, (teacher.state_dict(), student.vae.state_dict()), strict=True):
        assert all(torch.equal(tensor, new[name]) for name, tensor in old.items())


@pytest.mark.parametrize(
    ("choice", "option", "message"),
    [
        ("guidance", "lesson.guidance=-1", "finetuning.lesson.guidance=-1.0: use 0 or more"),
        ("consistency", "lesson.steps=1", "finetuning.lesson.steps=1: use 2 to 1000"),
    ],
)
def test_a_mistake_is_one_line(choice: str, option: str, message: str, fresh: CatVTON) -> None:
    with pytest.raises(ValueError, match=message):
        mode(choice, option).check(fresh)
    with pytest.raises(ValueError, match=f"finetuning={choice} is for models that work in steps, which PFAFN"):
        mode(choice).check(PFAFN(1 / 32, (64, 64)))
