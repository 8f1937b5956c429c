"""What the network is shown, and what is laid over its picture."""

from __future__ import annotations

import numpy as np

from vtoncompress.sampling.latents import condition, hide, lay_over

RANDOM = np.random.default_rng(0)


def _mask() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    mask = np.zeros((1, 1, 128, 96), np.float32)
    mask[..., 40:80, 24:72] = 1
    return mask


def test_the_person_outside_the_mask_is_not_touched_by_repainting() -> None:
    person, image = (RANDOM.uniform(-1, 1, (1, 3, 128, 96)).astype(np.float32) for _ in range(2))
    result, inside = lay_over(person, image, _mask()), np.repeat(_mask() > 0, 3, 1)
    assert np.array_equal(result[~inside], person[~inside])
    assert np.allclose(result[..., 50:70, 34:62], image[..., 50:70, 34:62], atol=1e-3)


def test_without_and_with_the_garment_differ_in_its_latents_alone() -> None:
    person, garment = (RANDOM.normal(size=(1, 4, 16, 12)).astype(np.float32) for _ in range(2))
    without, shown = condition(person, garment, _mask())
    assert np.array_equal(without[:, :16], shown[:, :16])
    assert not without[1:, 16:].any()
    assert np.array_equal(shown[1:, 16:], garment[0])
    assert without[0, :16].sum() == 5 * 6
    assert not without[0, 16:].any()


def test_what_is_painted_anew_is_hidden() -> None:
    person = RANDOM.uniform(0.5, 1, (1, 3, 128, 96)).astype(np.float32)
    assert ((hide(person, _mask()) == 0) == np.repeat(_mask() > 0, 3, 1)).all()
