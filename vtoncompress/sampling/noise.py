"""Normal random numbers, those of ``torch.randn`` with a ``torch.Generator`` on the CPU, without torch.

Published results name a torch seed; a runtime without torch must start from the same noise to give the same picture.
torch draws from the Mersenne Twister: 24 of each number's 32 bits make a uniform one, and Box-Muller turns eight and
the eight after them into 16 normal ones; what is left at the end is drawn again with the last 16.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BLOCK = 16
LARGEST_SEED = 2**32 - 1
"""torch's generator looks at the lower 32 bits of a seed only: larger ones would repeat."""


class Noise:
    """One stream for each picture, so that a picture does not depend on those beside it.

    Args:
        seeds: of the pictures, 0 to 2**32 - 1.

    Raises:
        ValueError: no seed, or one out of range.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        if not seeds:
            raise ValueError("there is no seed: give one for each picture")
        for seed in seeds:
            if not 0 <= seed <= LARGEST_SEED:
                raise ValueError(f"seed is {seed}: choose 0 to {LARGEST_SEED}")
        self._streams = [np.random.RandomState(np.uint32(seed)) for seed in seeds]

    def draw(self, shape: Sequence[int]) -> NDArray[np.float32]:
        """The next numbers of every stream, (pictures, *shape); ``shape`` has at least 16 elements."""
        count = math.prod(shape)
        assert count >= BLOCK, "torch draws fewer numbers in another way"
        return np.stack([_normal(stream, count).reshape(shape) for stream in self._streams])


def _normal(stream: np.random.RandomState, count: int) -> NDArray[np.float32]:
    numbers = _uniform(stream, count)
    whole = count - count % BLOCK
    normal = np.empty(count, np.float32)
    normal[:whole] = _box_muller(numbers[:whole])
    if whole < count:
        normal[-BLOCK:] = _box_muller(_uniform(stream, BLOCK))
    return normal


def _uniform(stream: np.random.RandomState, count: int) -> NDArray[np.float32]:
    bits = stream.randint(0, 2**32, count, np.uint32) & np.uint32(2**24 - 1)
    return bits.astype(np.float32) * np.float32(2**-24)


def _box_muller(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    first, second = numbers.reshape(-1, 2, BLOCK // 2).swapaxes(0, 1)
    radius, angle = np.sqrt(-2 * np.log(1 - first)), np.float32(2 * math.pi) * second
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel().astype(np.float32)
