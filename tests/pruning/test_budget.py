"""Which channels go, for importances that are known."""

from __future__ import annotations

import pytest
import torch

from vtoncompress.pruning.budget import Budget, Entry
from vtoncompress.pruning.ratio import Ratios


def _entry(name: str, *importance: float, width: int | None = None) -> Entry:
    return Entry((name,), width or len(importance), torch.tensor(importance))


def _kept(budget: Budget, *entries: Entry, progress: float = 1.0) -> list[int]:
    removed = budget.removed(entries, progress)
    return [len(entry.importance) - len(indices) for entry, indices in zip(entries, removed, strict=True)]


RISING, LOW = _entry("a", *range(10, 20)), _entry("b", *range(10))


def test_uniform_takes_the_same_share_of_every_group_the_least_important_first() -> None:
    assert Budget(Ratios(0.3)).removed([RISING, _entry("b", 5, 1, 4, 2, 3)]) == [[0, 1, 2], [1, 3]]


def test_global_takes_them_where_they_matter_least() -> None:
    assert Budget(Ratios(0.3), "global").removed([RISING, LOW]) == [[], [0, 1, 2, 3, 4, 5]]
    assert _kept(Budget(Ratios(0.5), "global"), RISING, LOW) == [9, 1]


def test_a_cap_holds_for_every_group_and_the_others_make_up_for_it() -> None:
    assert _kept(Budget(Ratios(0.4), "global", max_ratio=0.5), RISING, LOW) == [7, 5]


def test_parts_of_one_ratio_are_ranked_together_and_apart_from_others() -> None:
    budget = Budget(Ratios(0.5, {"b": 0.2, "c": 0.2}), "global")
    other = _entry("c", *(100.0,) * 10)
    assert _kept(budget, RISING, LOW, other) == [5, 6, 10]


def test_a_part_with_ratio_zero_keeps_all() -> None:
    for ranking in ("uniform", "global"):
        assert _kept(Budget(Ratios(0.5, {"a": 0}), ranking), RISING, LOW) == [10, 5]


@pytest.mark.parametrize("ranking", ["uniform", "global"])
def test_steps_add_up_to_the_whole(ranking: str) -> None:
    budget, whole = Budget(Ratios(0.6), ranking), _kept(Budget(Ratios(0.6), ranking), RISING, LOW)
    left = [RISING, LOW]
    for progress in (0.25, 0.5, 0.75, 1.0):
        removed = budget.removed(left, progress)
        left = [
            Entry(
                entry.layers, entry.width, entry.importance[[i for i in range(len(entry.importance)) if i not in gone]]
            )
            for entry, gone in zip(left, removed, strict=True)
        ]
    assert [len(entry.importance) for entry in left] == whole


@pytest.mark.parametrize(
    "width, ratio, multiple, kept",
    [(32, 0.3, 8, 24), (32, 0.4, 8, 16), (32, 0.3, 16, 16), (16, 0.9, 8, 8), (4, 0.5, 8, 4), (20, 0.1, 8, 16)],
)
def test_widths_become_the_nearest_multiple_and_never_less_than_one(
    width: int, ratio: float, multiple: int, kept: int
) -> None:
    assert _kept(Budget(Ratios(ratio), round_to=multiple), _entry("a", *range(width))) == [kept]


def test_the_cap_holds_for_rounded_widths_too() -> None:
    wide, low = _entry("a", *range(100, 164)), _entry("b", *range(64))
    assert _kept(Budget(Ratios(0.4), "global", max_ratio=0.4, round_to=16), wide, low) == [48, 48]
    assert _kept(Budget(Ratios(0.2), "global", max_ratio=0.4, round_to=16), wide, low) == [64, 48]


@pytest.mark.parametrize("ranking", ["uniform", "global"])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9, 0.999])
def test_every_group_keeps_a_channel_and_none_loses_more_than_was_asked_but_for_rounding_to_whole_ones(
    ranking: str, ratio: float
) -> None:
    kept = _kept(Budget(Ratios(ratio), ranking), RISING, LOW)
    assert min(kept) >= 1
    assert sum(kept) >= int(20 * (1 - ratio))


def test_a_width_is_not_lost_to_the_last_bit_of_a_float() -> None:
    assert _kept(Budget(Ratios(0.9)), RISING) == [1]
    assert _kept(Budget(Ratios(0.8)), RISING) == [2]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"ranking": "local"}, "pruning.ranking=local: choose one of uniform, global"),
        ({"max_ratio": 0.3}, "pruning.max_ratio=0.3: use 0.5, the largest ratio asked for, to 1"),
        ({"max_ratio": 1.5}, "pruning.max_ratio=1.5: use 0.5"),
        ({"round_to": 0}, "pruning.round_to=0: use 1 or more"),
    ],
)
def test_options_that_can_not_be_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Budget(Ratios(0.5), **options)  # type: ignore[arg-type]


HEADS = [Entry((name,), 4, torch.tensor([4.0, 3, 2, n]), 8, "heads") for n, name in enumerate("abcdefg")]


@pytest.mark.parametrize("share, gone", [(0.01, 1), (0.1, 3), (0.25, 7), (0.4, 12), (0.75, 21)])
def test_heads_go_where_they_matter_least_until_all_together_have_lost_the_share(share: float, gone: int) -> None:
    budget = Budget(Ratios(share))
    budget.check(HEADS)
    lost = [len(units) for units in budget.removed(HEADS)]
    assert sum(lost) == gone
    assert max(lost) - min(lost) <= 1
    # Those that lose one more are the first, whose next head matters least.
    assert lost == sorted(lost, reverse=True)


def test_heads_of_a_share_that_is_met_in_steps() -> None:
    budget, left = Budget(Ratios(0.4)), HEADS
    for progress, total in ((0.5, 22), (1.0, 16)):
        kept = _kept(budget, *left, progress=progress)
        assert sum(kept) == total
        left = [
            Entry(e.layers, 4, e.importance.sort().values[4 - n :], 8, "heads")
            for e, n in zip(HEADS, kept, strict=True)
        ]


def test_a_global_ranking_counts_a_unit_as_its_channels() -> None:
    """Sixteen channels in all are to go: two heads of eight, or one of them and eight single channels."""
    heads, channels = Entry(("a",), 2, torch.tensor([1.0, 9]), 8, "heads"), _entry("b", *range(2, 18))
    assert _kept(Budget(Ratios(0.5), "global"), heads, channels) == [1, 8]


@pytest.mark.parametrize("round_to, kept", [(8, 6), (16, 6), (32, 8)])
def test_rounding_is_of_the_channels_that_units_stand_for(round_to: int, kept: int) -> None:
    assert _kept(Budget(Ratios(0.25), round_to=round_to), Entry(("a",), 8, torch.arange(8.0), 8, "norm_groups")) == [
        kept
    ]


@pytest.mark.parametrize("options", [{}, {"ranking": "global", "max_ratio": 0.8}])
def test_more_heads_than_can_go_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"pruning\.ratio=0\.8 is 23 of 28 heads, .* so that 21 can go: use 0\.75 or"):
        Budget(Ratios(0.8), **options).check(HEADS)  # type: ignore[arg-type]
