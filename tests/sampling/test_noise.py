"""Random numbers against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vtoncompress.sampling.noise import Noise


@pytest.mark.parametrize(("seed", "shape"), [(555, (4, 32, 12)), (0, (17,)), (2**32 - 1, (3, 7, 11))])
def test_draws_torchs_numbers(seed: int, shape: tuple[int, ...]) -> None:
    noise, generator = Noise([seed, 1]), torch.Generator().manual_seed(seed)
    for _ in range(3):  # what is left of a block is drawn again, so the next draw must begin at the right place
        expected = torch.randn(shape, generator=generator).numpy()
        assert np.allclose(noise.draw(shape)[0], expected, atol=1e-6)


@pytest.mark.parametrize("seeds", [[], [-1], [2**32]])
def test_refuses_seeds_that_torch_would_repeat(seeds: list[int]) -> None:
    with pytest.raises(ValueError, match="seed"):
        Noise(seeds)
