"""Frechet and kernel distance against pytorch-fid and a direct computation."""

from __future__ import annotations

import numpy as np
import pytest

from vtoncompress.metric import distance
from vtoncompress.metric.distance import frechet_distance, kernel_distance, kernel_distance_of_draws, moments
from vtoncompress.metric.feature_rows import FeatureRows
from vtoncompress.metric.torchvision_import import make_torchvision_importable

Features = np.ndarray


def draw(count: int, dimension: int, seed: int, shift: float = 0.0) -> Features:
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).standard_normal((dimension, dimension))
    return np.maximum(random.standard_normal((count, dimension)) @ mixing + shift, 0)


@pytest.mark.parametrize("dimension", [2, 16, 96])
def test_frechet_equals_pytorch_fid(dimension: int) -> None:
    make_torchvision_importable()
    from pytorch_fid.fid_score import calculate_frechet_distance

    first, second = draw(300, dimension, 1), draw(250, dimension, 2, 0.7)
    statistics = [part for x in (first, second) for part in (x.mean(0), np.cov(x, rowvar=False))]
    expected = float(calculate_frechet_distance(*statistics))
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


def test_frechet_of_a_set_with_itself_is_0_and_it_is_symmetric() -> None:
    first, second = draw(200, 24, 1), draw(200, 24, 2, 0.5)
    assert frechet_distance(first, first) < 1e-9 * np.trace(np.cov(first, rowvar=False))
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-9)


def test_frechet_with_fewer_pictures_than_dimensions_is_finite() -> None:
    assert np.isfinite(frechet_distance(draw(10, 64, 1), draw(10, 64, 2)))


def test_frechet_of_known_distributions() -> None:
    x = draw(100, 5, 3)
    assert frechet_distance(x, x + 2.0) == pytest.approx(5 * 4)


def test_kernel_distance_is_the_unbiased_squared_mmd() -> None:
    x, y = draw(6, 4, 1), draw(6, 4, 2, 1.0)
    kernel = lambda a, b: (a @ b / 4 + 1) ** 3  # noqa: E731
    pairs = [(i, j) for i in range(6) for j in range(6)]
    off_diagonal = [(i, j) for i, j in pairs if i != j]
    expected = (
        sum(kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in off_diagonal) / 30
        - 2 * sum(kernel(x[i], y[j]) for i, j in pairs) / 36
    )
    mean, deviation = kernel_distance(x, y, subset_size=6, subsets=3, seed=0)
    assert mean == pytest.approx(expected)
    assert deviation == pytest.approx(0, abs=1e-9 * abs(expected))
    once = np.arange(6)
    assert kernel_distance_of_draws(x, y, [(once, once)]) == pytest.approx([expected])


def test_a_draw_compares_no_picture_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance, "ROWS", 3)
    x, y = draw(7, 4, 1), draw(5, 4, 2, 1.0)
    drawn, others = np.array([0, 0, 3, 6, 6, 6, 2]), np.array([4, 4, 1, 0, 0])
    kernel = lambda a, b: (a @ b / 4 + 1) ** 3  # noqa: E731
    xx, yy = (
        np.mean([kernel(z[i], z[j]) for i in taken for j in taken if i != j]) for z, taken in ((x, drawn), (y, others))
    )
    xy = np.mean([kernel(x[i], y[j]) for i in drawn for j in others])
    once = (np.arange(7), np.arange(5))
    found = kernel_distance_of_draws(x, y, [once, (drawn, others)])
    assert found[1] == pytest.approx(xx + yy - 2 * xy)
    assert found[0] != pytest.approx(found[1])


def test_kernel_distance_scatters_around_0_for_equal_sets_and_depends_on_its_seed_only() -> None:
    x, y = draw(200, 8, 1), draw(200, 8, 2, 2.0)
    same, spread = kernel_distance(x, x, 50, 40, 0)
    assert abs(same) < spread
    assert kernel_distance(x, y, 50, 40, 0) == kernel_distance(x, y, 50, 40, 0)
    assert kernel_distance(x, y, 50, 40, 0) != kernel_distance(x, y, 50, 40, 1)
    assert kernel_distance(x, y, 50, 40, 0)[0] > 10 * abs(same)


def test_kernel_distance_equals_torch_fidelity() -> None:
    make_torchvision_importable()
    import torch
    from torch_fidelity.metric_kid import kid_features_to_metric

    x, y = draw(60, 12, 1), draw(50, 12, 2, 0.4)
    expected = kid_features_to_metric(
        torch.from_numpy(x), torch.from_numpy(y), kid_subsets=7, kid_subset_size=20, rng_seed=5, verbose=False
    )
    found = kernel_distance(x, y, subset_size=20, subsets=7, seed=5)
    assert found == pytest.approx([*expected.values()], rel=1e-9)


def test_moments_of_a_file_of_features_are_those_of_the_array() -> None:
    x, rows = draw(2500, 3, 1, 1000.0).astype(np.float32), FeatureRows()
    for part in np.array_split(x, 7):
        rows.append(part)
    found = moments(rows.read())
    np.testing.assert_allclose(found.mean, x.astype(float).mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(x.astype(float), rowvar=False), rtol=1e-9)
