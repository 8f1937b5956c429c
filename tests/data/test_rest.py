from __future__ import annotations

import pytest

from tests.conftest import SIZE
from vtoncompress.data.rest import Rest
from vtoncompress.data.synthetic import Synthetic


def test_begins_after_the_skipped_pairs() -> None:
    data = Synthetic("train", 6, *SIZE)
    rest = Rest(data, 4)
    assert [pair.name for pair in rest] == [data.name(4), data.name(5)]
    assert rest[-1].name == data.name(5)
    assert rest.pair_list() == data.pair_list()[4:]
    with pytest.raises(IndexError):
        rest[2]


@pytest.mark.parametrize("skipped", [-1, 6])
def test_something_must_be_left(skipped: int) -> None:
    with pytest.raises(ValueError, match="use 0 to 5"):
        Rest(Synthetic("train", 6, *SIZE), skipped)
