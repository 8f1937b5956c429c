"""A row of CatVTON in INT8, from random weights to its record, and the row that its autoencoder sets."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.model.cat_vton.conftest import TINY_OF_8
from vtoncompress import variant
from vtoncompress.data.dataset_layout import write_dataset
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.delivery import deliver
from vtoncompress.deployment import open_deployment
from vtoncompress.record import Record, read_all
from vtoncompress.store import Store
from vtoncompress.variant_check import check
from vtoncompress.variant_config import complete

CONF = Path(__file__).parents[1] / "conf"
OPTIONS = (
    "model=cat_vton_small", "model.size=[128,96]", "model.checkpoint=null", "model.sampling.steps=2", "data.pairs=2",
    "calibration.pairs=2", "trajectories.samples=3", "parity_pairs=1", "metric=[size,steps,ssim]",
    "metric.steps={repetitions:1,warmup:0,turn:1}", "quantization.tolerance=255",
)  # fmt: skip


def run(folder: Path, name: str, *overrides: str) -> Record:
    where = (f"results={folder / 'results'}", f"store={folder / 'store'}", "name=toy", f"variant={name}")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", [*OPTIONS, *where, *overrides], return_hydra_config=True)
    for part, arguments in TINY_OF_8.items():
        OmegaConf.update(cfg, f"model.network.{part}", arguments, merge=False)
    check(cfg)
    record = variant.run(complete(cfg, cfg.hydra.runtime.choices, 0))
    assert record.status == "done", record.traceback
    return record


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("steps")


def test_modes_share_a_float32_deployment_and_trajectories(folder: Path) -> None:
    float32 = run(folder, "float32")
    int8, hybrid = run(folder, "int8", "quantization=nncf_ptq"), run(folder, "hybrid", "quantization=hybrid")
    assert set(float32.stages) & set(int8.stages) >= {one for one in float32.stages if one.startswith("deployment/")}
    assert set(int8.stages) & set(hybrid.stages) >= {one for one in int8.stages if one.startswith("trajectories/")}
    assert int8.details["quantization"]["parts"]["unet"]["calibration"] == 3
    assert hybrid.trust["config"]["trajectories"]["samples"] == 3
    assert int8.values["step_ms_p50"] > 0
    assert int8.details["parity"]["parity_mean"] > 0
    names = {record.variant.rpartition("-")[0]: record for record in read_all(folder / "results" / "toy")}
    ceiling = names["ceiling"]
    assert (ceiling.role, ceiling.model) == ("oracle", "cat_vton_small (random weights)")
    assert ceiling.values["ssim"] != names["unchanged"].values["ssim"]
    # What is delivered is the last deployment of a row, not the float32 one that it was made from.
    deliver("int8", folder / "results" / "toy", Store(folder / "store"), folder / "delivered")
    stored = open_deployment(folder / "delivered").runtime.parts["unet"].describe()["stored_bytes"]  # type: ignore[attr-defined]
    assert stored["i8"] > 0


def test_a_sampler_with_other_graphs_is_quantized_and_measured_as_any(folder: Path) -> None:
    """Guided, deep steps, 2, then those of the outer layers alone: of the UNet's two graphs both are INT8; three of its
    five heads are left."""
    fast = (
        "sampling=dpm_solver", "model.sampling.steps=4", "model.sampling.reuse=3", "model.sampling.merging=0.5",
        "model.sampling.guidance_window=[0,0.5]", "metric=[cost,size,steps]",
        "scope=self_attention", "criterion=magnitude_l1", "pruning=one_shot", "pruning.ratio=0.5",
        "quantization=hybrid", "quantization.scope=unet", "quantization.smooth_quant=-1",
    )  # fmt: skip
    record = run(folder, "fast", *fast, "+model.baseline_sampling._target_=vtoncompress.sampling.ddim.DDIM")
    assert record.sampling == "dpm_solver4, guided 0-0.5, reuse 3, merging 0.5"
    assert record.details["quantization"]["parts"].keys() == {"unet", "unet_outer"}
    assert record.details["pruning"]["network"]["heads"]["removed"] == 0.4  # 2 of 5
    graphs = record.details["cost"]["graphs"]
    # Guided, guided, not, not: two pictures each of the first, the last one is deep again.
    assert {name: one["calls"] for name, one in graphs.items()} == {
        "encoder": 2,
        "unet": 3,
        "unet_outer": 3,
        "decoder": 1,
    }
    assert graphs["unet_outer"]["gmacs"] < 0.5 * graphs["unet"]["gmacs"]
    steps = record.details["steps"]
    median = {name: statistics.median(one["step_ms"]) for name, one in steps["kinds"].items()}
    image = sum(one["steps"] * median[name] for name, one in steps["kinds"].items())
    assert record.values["image_s"] == pytest.approx((image + statistics.median(steps["vae_ms"])) / 1000, abs=1e-3)
    assert steps["baseline_steps"] == 50
    assert record.values["image_speedup"] == pytest.approx(
        steps["baseline_image_s"] / record.values["image_s"], rel=0.01
    )


def test_photos_pass_the_parity_gate_and_their_masks_are_part_of_what_is_measured(folder: Path) -> None:
    write_dataset(Synthetic("test", 2, 128, 96), "viton", folder / "photos")
    photos = ("export=torch", "data=viton", f"data.root={folder / 'photos'}", "data.pairs=1", "metric=[size,steps]")
    made = run(folder, "photos", *photos)
    assert made.details["parity"]["parity_mean"] == 0
    wider = run(folder, "wider", *photos, "data.masking.margin=0.1")
    others = {one.partition("/")[0] for one in {*wider.stages} - {*made.stages}}
    assert others == {"deployment", "subject"}
