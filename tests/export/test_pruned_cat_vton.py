"""A CatVTON with fewer heads, channels and blocks runs everywhere, in 8 bits too."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.export.conftest import EXPORTERS
from tests.pruning.cat_vton import LATENTS, SIZE, TIMESTEP, UNET, predicted, tiny
from tests.quantization.conftest import configured
from vtoncompress.criterion.magnitude_l1 import MagnitudeL1
from vtoncompress.export.openvino import OpenVINORuntime, read_ir
from vtoncompress.export.parity import check_parity
from vtoncompress.export.stepwise import UNET as UNET_PART
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.pruning.one_shot import OneShot
from vtoncompress.quantization.base import Material


@pytest.fixture(scope="module")
def pruned() -> CatVTON:
    model = tiny()
    model.remove_blocks(model.blocks()[-1:])
    OneShot(0.5).prune(model, UNET, MagnitudeL1())
    return model


@pytest.fixture(scope="module")
def folders(pruned: CatVTON, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By exporter; not to be changed."""
    made = {name: tmp_path_factory.mktemp(name) for name in EXPORTERS}
    for name, folder in made.items():
        EXPORTERS[name]().export(pruned, folder)
    return made


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_it_passes_the_parity_gate(exporter: str, pruned: CatVTON, folders: dict[str, Path]) -> None:
    random, mask = np.random.default_rng(0), np.zeros((1, 1, *SIZE), np.float32)
    mask[..., 8:24, 6:18] = 1
    pictures = {name: random.uniform(-1, 1, (1, 3, *SIZE)).astype(np.float32) for name in ("person", "garment")}
    inputs = {**pictures, "agnostic_mask": mask, "garment_mask": mask}
    check_parity(pruned, EXPORTERS[exporter]().open(folders[exporter]), [inputs], 0.05)


def test_its_attention_alone_may_be_quantized(pruned: CatVTON, folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["openvino"], tmp_path, dirs_exist_ok=True)
    options = ("model=cat_vton_small", "quantization.scope=self_attention", "quantization.rest=float32")
    mode = configured("hybrid", *options)
    mode.check(pruned)
    latents = np.random.default_rng(0).normal(size=(4, 2, 9, 32, 12)).astype(np.float32)
    seen = [{"latents": one, "timestep": np.array(TIMESTEP, np.int64)} for one in latents]
    told = mode.convert(tmp_path, "openvino", pruned, Material(trajectories={UNET_PART: seen}))
    assert told["quantized_layers"] == 3 * 4  # of four attentions one is gone with its block
    assert "FakeQuantize" in {node.get_type_name() for node in read_ir(tmp_path, UNET_PART).get_ops()}
    runtime = OpenVINORuntime(tmp_path, part=UNET_PART)
    expected = predicted(pruned).numpy()
    found = runtime({"latents": LATENTS.numpy(), "timestep": np.array(TIMESTEP, np.int64)})["noise"]
    assert 0 < np.abs(found - expected).mean() < 0.1 * np.abs(expected).mean()
