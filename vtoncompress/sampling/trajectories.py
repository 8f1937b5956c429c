"""Which calls on the way from noise to pictures show what a network's activations are like."""

from __future__ import annotations

import numpy as np

from vtoncompress.sampling.noise import LARGEST_SEED


class Trajectories:
    """A choice of (pair, step), spread evenly over the steps and over the pairs.

    A guided call shows the network a picture with and without its garment, so that each choice has both halves.

    Args:
        samples: how many, 1 or more; all that there are where that is less.
        seed: of the choice, and of the pictures' noise, another for each pair.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(self, samples: int, seed: int = 0) -> None:
        if samples < 1:
            raise ValueError(f"trajectories.samples={samples}: use 1 or more")
        if not 0 <= seed <= LARGEST_SEED:
            raise ValueError(f"trajectories.seed={seed}: use 0 to {LARGEST_SEED}")
        self.samples, self.seed = samples, seed

    def choose(self, pairs: int, steps: int) -> list[tuple[int, int]]:
        """Different (pair, step), in the order of the steps, which count from the noisiest, 0.

        The calls, sorted by step, are cut into as many stretches of one length as samples are wanted; each gives one.
        Pairs take turns, in an order that the seed draws.
        """
        random, calls = np.random.default_rng(self.seed), pairs * steps
        count = min(self.samples, calls)
        edges = np.arange(count + 1) * calls // count
        at_step = random.integers(edges[:-1], edges[1:]) // pairs
        order = random.permutation(pairs)
        return [(int(order[place % pairs]), int(step)) for place, step in enumerate(at_step)]

    def noise_seed(self, pair: int) -> int:
        """Of the noise of a pair's picture."""
        return (self.seed + pair) % (LARGEST_SEED + 1)
