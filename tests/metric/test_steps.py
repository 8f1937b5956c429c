"""What is told of steps and images follows from the samples; no time is asserted."""

from __future__ import annotations

import statistics

import pytest
import torch

from tests.metric.test_speed import subject as of_one_step
from tests.model.cat_vton.conftest import TINY_OF_8
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.export.torch import TorchRuntime
from vtoncompress.metric.base import Subject
from vtoncompress.metric.steps import StepSpeed
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.sampling.ddim import DDIM

SIZE = (128, 96)


@pytest.mark.parametrize("guidance", [2.5, 1.0])
def test_an_image_is_its_steps_and_the_autoencoder(guidance: float) -> None:
    torch.manual_seed(0)
    model = CatVTON(SIZE, **TINY_OF_8).eval()
    model.set_sampling(DDIM(steps=2, guidance=guidance))
    runtime = TorchRuntime(model)
    subject = Subject(model, None, runtime, runtime, Synthetic("test", 1, *SIZE)[:])  # type: ignore[arg-type]
    found = StepSpeed(repetitions=2, warmup=0, turn=1, steps=3, whole=1).measure(subject)
    assert found.values.keys() == set(StepSpeed.columns)
    step, vae = (statistics.median(found.details[name]) for name in ("step_ms", "vae_ms"))
    assert found.values["step_ms_p50"] == pytest.approx(step, abs=1e-3)
    assert found.values["image_s"] == pytest.approx((3 * step + vae) / 1000, abs=1e-3)
    ratios = [one / own for one, own in zip(found.details["baseline_step_ms"], found.details["step_ms"], strict=True)]
    assert found.values["step_speedup"] == pytest.approx(statistics.median(ratios), rel=0.01)  # a turn is a step here
    without = StepSpeed(1, 0, 1, None, 0).measure(subject)
    assert without.details["steps"] == 2
    assert "metric.steps.whole" in without.missing["image_whole_s"]


def test_a_network_of_one_step_is_a_reason_and_no_repetitions_a_mistake() -> None:
    assert set(StepSpeed(1, 0, 1, None, 0).measure(of_one_step([], 1)).missing) == set(StepSpeed.columns)
    with pytest.raises(ValueError, match="repetitions=0"):
        StepSpeed(0, 0, 1, None, 0)
