"""Each test pair of a model in steps is painted from a noise of its own: that of a try-on with its seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from tests.model.cat_vton.conftest import TINY_OF_8
from vtoncompress import checkpoint
from vtoncompress.data.base import Image, Pair
from vtoncompress.deployment import FILES, open_deployment, write_manifest
from vtoncompress.export.base import Exporter
from vtoncompress.export.openvino import OpenVINOExporter
from vtoncompress.export.torch import TorchExporter
from vtoncompress.metric.base import Batch, Measurement, PictureMetric, Prediction
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.sampling.noise import LARGEST_SEED
from vtoncompress.stage import quality
from vtoncompress.try_on import pair_tensors, to_image

SIZE = (128, 96)
DATA = {"_target_": "vtoncompress.data.synthetic.Synthetic", "split": "test", "pairs": 2, "height": 128, "width": 96}
PAINTED: list[Image] = []


class Kept(PictureMetric):
    """Keeps the pictures that it is shown."""

    columns = ("kept",)

    def update(self, batch: Batch) -> None:
        PAINTED.extend(prediction.image for prediction in batch.predictions)

    def compute(self) -> Measurement:
        return Measurement({"kept": len(PAINTED)})


@pytest.mark.parametrize("exporter", [OpenVINOExporter(), TorchExporter()], ids=["openvino", "torch"])
def test_a_pair_is_painted_as_by_a_try_on_with_its_seed(exporter: Exporter, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = CatVTON(SIZE, **TINY_OF_8).eval()
    model.set_sampling(DDIM(steps=1, seed=LARGEST_SEED))
    exporter.export(model, tmp_path / FILES)
    write_manifest(tmp_path / FILES, exporter, model="toy", size=model.size, inputs=tuple(model.inputs))
    checkpoint.save(model, tmp_path / "dense")
    ddim = "vtoncompress.sampling.ddim.DDIM"
    config: dict[str, Any] = {
        "data": DATA, "metric": {"kept": {"_target_": f"{__name__}.Kept"}},
        "sampling": {"_target_": ddim, "steps": 1, "seed": LARGEST_SEED},
        "baseline_sampling": {"_target_": ddim, "steps": 2, "seed": 5},
    }  # fmt: skip
    PAINTED.clear()
    (tmp_path / "work").mkdir()
    quality.make(config, tmp_path, tmp_path / "dense", tmp_path, tmp_path / "work")
    runtime, dense = open_deployment(tmp_path / FILES).runtime, quality._open_dense(config, tmp_path / "dense")
    for place, pair in enumerate(instantiate(DATA)):
        seed = (LARGEST_SEED, 0)[place]  # torch looks at 32 bits
        call = runtime.sampled({"seed": seed}, lambda *_: None)
        assert call is not None
        assert np.array_equal(PAINTED[place], to_image(call(pair_tensors(pair))["image"]))
        model.set_sampling(DDIM(steps=2, seed=seed))
        with torch.inference_mode():
            shown = pair_tensors(pair)
            alike = model(*(torch.from_numpy(shown[name]) for name in model.inputs))["image"]
        assert np.array_equal(dense(pair, place), to_image(alike.numpy()))


def test_what_was_painted_before_a_kill_is_not_painted_again(tmp_path: Path) -> None:
    pairs, asked = instantiate(DATA)[:], list[int]()

    def predict(pair: Pair, place: int) -> Prediction:
        asked.append(place)
        if place == 1 and len(asked) == 2:
            raise KeyboardInterrupt
        return Prediction(pair.person // (place + 1))

    painted = quality.kept(predict, tmp_path)
    painted(pairs[0], 0)
    with pytest.raises(KeyboardInterrupt):
        painted(pairs[1], 1)
    for place, pair in enumerate(pairs):
        assert np.array_equal(quality.kept(predict, tmp_path)(pair, place).image, pair.person // (place + 1))
    assert asked == [0, 1, 1]
    (tmp_path / "0.png").write_bytes(b"")  # as a power cut may leave it
    assert np.array_equal(quality.kept(predict, tmp_path)(pairs[0], 0).image, pairs[0].person)
    assert asked == [0, 1, 1, 0]
