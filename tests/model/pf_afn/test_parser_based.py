"""The teacher: another condition and generator input than PF-AFN's, the same warp; what is kept is copied."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from vtoncompress import checkpoint
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.parser_based import ParserBased
from vtoncompress.model.pf_afn.representation import CHANNELS

SIZE = (64, 64)


@pytest.fixture
def teacher() -> ParserBased:
    torch.manual_seed(0)
    return ParserBased(1 / 32, SIZE).eval()


@pytest.fixture
def call() -> list[Tensor]:
    """Person, representation with an upper half that is kept, garment, mask."""
    generator = torch.Generator().manual_seed(1)
    person, garment = (torch.rand(2, 3, *SIZE, generator=generator) * 2 - 1 for _ in range(2))
    representation = torch.rand(2, CHANNELS, *SIZE, generator=generator)
    representation[:, -1] = (torch.arange(SIZE[0]) < SIZE[0] // 2).float()[:, None]
    return [person, representation, garment, torch.ones(2, 1, *SIZE)]


def test_what_is_kept_is_copied_and_nothing_else_is_seen(teacher: ParserBased, call: list[Tensor]) -> None:
    person, half = call[0], SIZE[0] // 2
    image = teacher(*call).image
    assert torch.equal(image[:, :, :half], person[:, :, :half])
    unseen = person.clone()
    unseen[:, :, half:] = 0
    assert torch.equal(teacher(unseen, *call[1:]).image, image)
    assert not torch.equal(image[:, :, half:], person[:, :, half:])


def test_the_representation_and_the_garment_are_seen(teacher: ParserBased, call: list[Tensor]) -> None:
    first = teacher(*call)
    for place in (1, 2):
        changed = [tensor.clone() for tensor in call]
        changed[place][:, :3] += 0.5
        second = teacher(*changed)
        assert not torch.equal(first.image, second.image)
        assert not torch.equal(first.flows[-1], second.flows[-1])


def test_its_trace_can_be_held_against_a_student_s(teacher: ParserBased, call: list[Tensor]) -> None:
    lesson = teacher(*call)
    student = PFAFN(1 / 32, SIZE).eval().trace(call[0], *call[2:])
    for name in ("flows", "features"):
        pairs = zip(getattr(student, name), getattr(lesson, name), strict=True)
        assert all(x.shape == y.shape for x, y in pairs), name
    assert lesson.inner.keys() == student.inner.keys()


def test_a_checkpoint_gives_it_back_but_is_no_try_on_model(
    teacher: ParserBased, call: list[Tensor], tmp_path: Path
) -> None:
    checkpoint.save(teacher, tmp_path)
    again = checkpoint.load_network(tmp_path)
    assert isinstance(again, ParserBased)
    assert again.arguments() == {"width": 1 / 32, "size": [64, 64], "convention": "official"}
    assert torch.equal(again(*call).image, teacher(*call).image)
    with pytest.raises(ValueError, match="names ParserBased, which is no try-on model"):
        checkpoint.load(tmp_path)


def test_sizes_it_cannot_have_are_refused() -> None:
    with pytest.raises(ValueError, match="must be multiples of 32"):
        ParserBased(1 / 32, (60, 64))
    with pytest.raises(ValueError, match="is out of range"):
        ParserBased(0, SIZE)
