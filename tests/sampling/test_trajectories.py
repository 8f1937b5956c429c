from __future__ import annotations

from collections import Counter

import pytest

from vtoncompress.sampling.trajectories import Trajectories


@pytest.mark.parametrize("samples, pairs, steps", [(10, 4, 50), (7, 3, 5), (15, 3, 5), (1, 2, 20), (99, 3, 5)])
def test_a_choice_is_spread_over_steps_and_pairs(samples: int, pairs: int, steps: int) -> None:
    chosen = Trajectories(samples, seed=3).choose(pairs, steps)
    count = min(samples, pairs * steps)
    assert len(set(chosen)) == len(chosen) == count
    at_pair = Counter(pair for pair, _ in chosen)
    assert max(at_pair.values()) - min(at_pair[pair] for pair in range(pairs)) <= 1
    # One for each stretch of the steps, in order.
    for place, (_, step) in enumerate(chosen):
        assert place * steps / count - 1 < step < (place + 1) * steps / count + 1


def test_a_seed_fixes_the_choice() -> None:
    first, again, other = (Trajectories(9, seed).choose(4, 50) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("options, message", [((0,), "trajectories.samples=0"), ((1, -1), "trajectories.seed=-1")])
def test_an_option_out_of_range_is_told(options: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Trajectories(*options)
