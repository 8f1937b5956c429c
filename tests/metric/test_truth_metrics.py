"""SSIM, PSNR, garment likeness and flow error against torchmetrics and hand counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from vtoncompress.data.base import Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.metric.base import Batch, Measurement, PictureMetric, Prediction
from vtoncompress.metric.flow_error import NO_FLOW, FlowError
from vtoncompress.metric.garment import GarmentLikeness
from vtoncompress.metric.l1 import L1
from vtoncompress.metric.psnr import Psnr
from vtoncompress.metric.similarity import ssim_map
from vtoncompress.metric.ssim import Ssim
from vtoncompress.metric.torchvision_import import make_torchvision_importable


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return Synthetic("test", 6, 128, 96)[:]


@pytest.fixture
def damaged(pairs: list[Pair]) -> list[Prediction]:
    random = np.random.default_rng(0)
    return [Prediction(np.clip(truth(p) + random.normal(0, 9, p.person.shape), 0, 255).astype(np.uint8)) for p in pairs]


def truth(pair: Pair) -> np.ndarray:
    assert pair.truth is not None
    return pair.truth


def run(metric: PictureMetric, pairs: list[Pair], predictions: list[Prediction], size: int = 4) -> Measurement:
    for start in range(0, len(pairs), size):
        metric.update(Batch(pairs[start : start + size], predictions[start : start + size]))
    return metric.compute()


def planes(pictures: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).double()


def test_ssim_psnr_and_l1_equal_torchmetrics(pairs: list[Pair], damaged: list[Prediction]) -> None:
    make_torchvision_importable()
    from torchmetrics.functional import mean_absolute_error
    from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

    first, second = planes([p.image for p in damaged]), planes([truth(p) for p in pairs])
    ssim, maps = structural_similarity_index_measure(first, second, data_range=255.0, return_full_image=True)
    psnr = peak_signal_noise_ratio(first, second, data_range=255.0, reduction="elementwise_mean", dim=(1, 2, 3))
    assert run(Ssim(), pairs, damaged).values["ssim"] == pytest.approx(float(ssim), abs=1e-9)
    assert run(Psnr(), pairs, damaged).values["psnr"] == pytest.approx(float(psnr), abs=1e-4)
    l1 = mean_absolute_error(first.contiguous() / 255, second.contiguous() / 255)
    assert run(L1(), pairs, damaged).values["l1"] == pytest.approx(float(l1), rel=1e-9)
    ours = np.stack([ssim_map(d.image, truth(p)) for d, p in zip(damaged, pairs, strict=True)])
    np.testing.assert_allclose(ours, maps.mean(1).numpy(), atol=1e-9)


def test_perfect_predictions(pairs: list[Pair]) -> None:
    perfect = [Prediction(truth(p), p.flow) for p in pairs]
    assert run(Ssim(), pairs, perfect).values == {"ssim": pytest.approx(1)}
    assert run(Psnr(), pairs, perfect).values == {"psnr": 100}
    assert run(GarmentLikeness(), pairs, perfect).values == {"ssim_garment": pytest.approx(1), "l1_garment": 0}
    assert run(FlowError(), pairs, perfect).values == {"flow_error_px": 0}


def test_garment_counts_only_the_garment(pairs: list[Pair]) -> None:
    predictions, expected = [], []
    for pair in pairs:
        assert pair.region is not None
        inside = pair.region > 127
        grey = np.where(inside[..., None], 128, truth(pair)).astype(np.uint8)
        predictions.append(Prediction(np.where(inside[..., None], grey, 255 - truth(pair))))
        expected.append(np.abs(128 - truth(pair)[inside].astype(float)).mean() / 255)
    found = run(GarmentLikeness(), pairs, predictions)
    assert found.values["l1_garment"] == pytest.approx(np.mean(expected))
    assert found.details["garment_hidden_pairs"] == 0


def test_a_hidden_garment_is_left_out_and_counted(pairs: list[Pair]) -> None:
    hidden = [replace(pairs[0], region=np.zeros_like(pairs[0].region)), *pairs[1:]]
    wrong_flow = [Prediction(truth(p), np.zeros_like(p.flow)) for p in pairs]
    found = run(GarmentLikeness(), hidden, wrong_flow)
    assert found.values["ssim_garment"] == pytest.approx(1)
    assert found.details["garment_hidden_pairs"] == 1
    assert run(FlowError(), hidden, wrong_flow).values == run(FlowError(), pairs[1:], wrong_flow[1:]).values


def test_flow_error_is_a_distance_in_pixels(pairs: list[Pair]) -> None:
    offset = np.array([3, -4], np.float32)
    predictions = [Prediction(truth(p), p.flow + offset) for p in pairs]
    assert run(FlowError(), pairs, predictions).values["flow_error_px"] == pytest.approx(5, abs=1e-5)


def test_a_pair_without_truth_leaves_the_column_empty_with_the_reason(pairs: list[Pair]) -> None:
    photos = [replace(p, truth=None, region=None, flow=None) for p in pairs]
    predictions = [Prediction(p.person, np.zeros((128, 96, 2), np.float32)) for p in pairs]
    metrics: list[PictureMetric] = [Ssim(), Psnr(), GarmentLikeness(), FlowError()]
    for metric in metrics:
        found = run(metric, [*pairs[:2], *photos[2:]], predictions)
        assert found.values == {}
        assert set(found.missing) == set(metric.columns)
        assert all("4 of 6 pairs" in reason for reason in found.missing.values())


def test_a_variant_without_flow_has_no_flow_error(pairs: list[Pair]) -> None:
    found = run(FlowError(), pairs, [Prediction(truth(p)) for p in pairs])
    assert found.values == {}
    assert NO_FLOW in found.missing["flow_error_px"]


def test_no_pairs_at_all_is_a_reason(pairs: list[Pair]) -> None:
    assert Ssim().compute().missing == {"ssim": "no pairs"}


def test_numbers_do_not_depend_on_batches(pairs: list[Pair], damaged: list[Prediction]) -> None:
    for metric in (Ssim, Psnr, GarmentLikeness):
        assert run(metric(), pairs, damaged, 1) == run(metric(), pairs, damaged, 6)


def test_ssim_map_is_shared_within_a_batch(pairs: list[Pair], damaged: list[Prediction]) -> None:
    batch = Batch(pairs, damaged)
    Ssim().update(batch)
    batch.features = {key: np.full_like(value, 0.5) for key, value in batch.features.items()}
    likeness = GarmentLikeness()
    likeness.update(batch)
    assert likeness.compute().values["ssim_garment"] == pytest.approx(0.5)
