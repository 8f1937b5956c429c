"""Multiply-accumulates against hand counts and the published sizes of PF-AFN."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.model.cat_vton.conftest import TINY
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.metric.base import Measurement, Subject
from vtoncompress.metric.cost import Cost
from vtoncompress.metric.macs import FLOPS_PER_MAC, count_macs
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.correlation import Correlation
from vtoncompress.model.pf_afn.flow import GridSample
from vtoncompress.pruning.one_shot import OneShot
from vtoncompress.pruning.reached import compare, count
from vtoncompress.sampling.ddim import DDIM


def measure(model: TryOnModel, tmp_path: Path) -> Measurement:
    return Cost().measure(Subject(model, tmp_path, None, None, []))  # type: ignore[arg-type]


def meta(width: float, size: tuple[int, int]) -> PFAFN:
    """A network without weights: its cost depends on shapes only."""
    with torch.device("meta"):
        return PFAFN(width, size)


def test_the_published_network(tmp_path: Path) -> None:
    found = measure(meta(1, (256, 192)), tmp_path)
    parts = found.details["parts"]
    assert parts["generator"]["gmacs"] == pytest.approx(21.95, abs=0.005)
    assert parts["warp"]["children"]["image_features"]["gmacs"] == pytest.approx(6.64, abs=0.005)
    assert parts["warp"]["params_m"] == pytest.approx(29.30, abs=0.005)
    assert parts["generator"]["params_m"] == pytest.approx(43.90, abs=0.005)
    assert found.values["params_m"] == pytest.approx(73.20, abs=0.005)
    assert parts["warp"]["float32_mib"] == pytest.approx(111.86, abs=0.005)
    assert parts["generator"]["float32_mib"] == pytest.approx(167.55, abs=0.005)
    assert parts["whole"]["float32_mib"] == pytest.approx(111.86 + 167.55, abs=0.01)
    assert parts["whole"]["gmacs"] == found.values["gmacs"]
    assert found.values["gflops"] == 2 * found.values["gmacs"]


def test_the_whole_is_the_sum_of_what_it_is_made_of(tmp_path: Path) -> None:
    found = measure(meta(0.25, (128, 96)), tmp_path)
    total = found.values["gmacs"]
    by_kind = {name: n["gmacs"] for name, n in found.details["operations"].items()}
    assert sum(by_kind.values()) == pytest.approx(total)
    warp = found.details["parts"]["warp"]
    assert sum(child["gmacs"] for child in warp["children"].values()) == pytest.approx(warp["gmacs"])
    # All levels of the correlation: 64 channels, 49 displacements.
    pixels = sum((128 >> level) * (96 >> level) for level in range(1, 6))
    assert by_kind["correlation"] == pytest.approx(64 * 49 * pixels / 1e9)
    # torch-pruning sees neither correlation nor sampling, but counts nearest upsampling.
    assert found.values["gmacs_torch_pruning"] < total
    assert total - found.values["gmacs_torch_pruning"] == pytest.approx(
        by_kind["correlation"] + by_kind["grid_sample"] + by_kind["interpolation"], rel=0.3
    )


def test_the_model_keeps_its_mode_and_its_hooks(tmp_path: Path) -> None:
    model = meta(0.0625, (64, 64)).train()
    measure(model, tmp_path)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_narrow_and_pruned_networks_cost_less(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = PFAFN(0.125, (64, 64)).eval()
    dense = measure(model, tmp_path).values
    OneShot(0.5).prune(model, ["warp", "generator"], MagnitudeL2())
    pruned = measure(model, tmp_path).values
    for column in ("gmacs", "gflops", "params_m", "gmacs_torch_pruning"):
        assert pruned[column] < 0.6 * dense[column]


class Hand(nn.Module):
    """One of each kind of operation, small enough to count by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
        self.correlation = Correlation(4)
        self.sample = GridSample(align_corners=True)
        self.linear = nn.Linear(6, 5)
        self.norm = nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> Tensor:
        self.correlation(x, x)
        self.sample(x, torch.zeros(1, 2, 5, 7))
        y = F.relu(self.norm(self.grouped(x)))
        F.interpolate(y, scale_factor=2, mode="bilinear")
        F.interpolate(y, scale_factor=2, mode="nearest")
        F.scaled_dot_product_attention(*[torch.zeros(1, 2, length, 8) for length in (3, 4, 4)])
        return self.linear(y.mean((2, 3)))


def test_each_kind_of_operation_by_hand() -> None:
    macs = count_macs(Hand(), {"x": torch.zeros(1, 4, 8, 6)})
    assert macs.operations == {
        "convolution": 6 * 4 * 3 * (4 // 2) * 9,
        "correlation": 4 * 49 * 8 * 6,
        "grid_sample": 4 * 4 * 5 * 7,
        "normalisation": 2 * 6 * 4 * 3,
        "activation": 6 * 4 * 3,
        "interpolation": 4 * 6 * 8 * 6,
        "attention": 2 * 2 * 3 * 4 * 8,
        "addmm": 6 * 5,
    }
    assert macs.modules["grouped"] == 1296
    assert macs.modules["correlation"] == 9408
    assert macs.modules[""] == macs.total


def test_what_runs_inside_a_correlation_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_products(self: Correlation, first: Tensor, second: Tensor) -> Tensor:
        torch.bmm(torch.zeros(2, 3, 4), torch.zeros(2, 4, 5))
        return torch.zeros(1, 49, *first.shape[2:])

    monkeypatch.setattr(Correlation, "forward", by_products)
    macs = count_macs(Hand(), {"x": torch.zeros(1, 4, 8, 6)})
    assert "bmm" not in macs.operations
    assert macs.modules["correlation"] == macs.operations["correlation"] == 4 * 49 * 8 * 6
    assert macs.modules[""] == macs.total


def test_the_ratios_that_pruning_reached(toy: PFAFN, tmp_path: Path) -> None:
    dense, model = copy.deepcopy(toy), toy
    OneShot(0.5).prune(model, ["generator"], MagnitudeL2())
    found = Cost().measure(Subject(model, tmp_path, None, None, [], dense)).values  # type: ignore[arg-type]
    whole, half = (measure(one, tmp_path).values for one in (dense, model))
    assert found["macs_removed"] == pytest.approx(1 - half["gmacs"] / whole["gmacs"])
    assert found["params_removed"] == pytest.approx(1 - half["params_m"] / whole["params_m"])
    assert found["channels_removed"] == compare(count(dense, []), count(model, []))["network"]["channels"]["removed"]
    assert 0 < found["channels_removed"] < 0.5
    assert 0.3 < found["params_removed"] < 0.5
    unpruned = Cost().measure(Subject(dense, tmp_path, None, None, [], dense)).values  # type: ignore[arg-type]
    assert [unpruned[f"{name}_removed"] for name in ("channels", "params", "macs")] == [0, 0, 0]


@pytest.mark.parametrize("guidance, at_once", [(2.5, 2), (1.0, 1)])
def test_a_diffusion_model_pays_for_all_its_steps(
    guidance: float, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held against the whole loop, counted while it runs, and attention against the shapes that it sees."""
    model = CatVTON((32, 24), **TINY).eval()
    model.set_sampling(DDIM(steps=3, guidance=guidance))
    attended, attend = [], F.scaled_dot_product_attention

    def noted(query: Tensor, key: Tensor, value: Tensor, *_: Any, **told: Any) -> Tensor:
        attended.append(query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1]))
        return attend(query, key, value)

    monkeypatch.setattr(F, "scaled_dot_product_attention", noted)
    inputs = {name: torch.zeros(1, channels, 32, 24) for name, channels in model.inputs.items()}
    loop = count_macs(model, inputs)
    by_hand = sum(attended)
    found = measure(model, tmp_path)
    parts, graphs = found.details["parts"], found.details["graphs"]
    assert found.values["gmacs"] == pytest.approx(loop.total / 1e9)
    assert {name: one["calls"] for name, one in graphs.items()} == {"encoder": 2, "unet": 3, "decoder": 1}
    assert sum(one["calls"] * one["gmacs"] for one in graphs.values()) == pytest.approx(found.values["gmacs"])
    assert found.details["shared"] == dict.fromkeys(("garment", "person"), graphs["encoder"]["gmacs"])
    assert parts["unet"]["gmacs"] == pytest.approx(3 * graphs["unet"]["gmacs"])
    assert parts["unet"]["gmacs"] + parts["vae"]["gmacs"] == pytest.approx(parts["whole"]["gmacs"], rel=1e-6)
    assert parts["vae"]["children"]["encoder"]["gmacs"] > 1.5 * parts["vae"]["children"]["decoder"]["gmacs"] / 2 > 0
    assert found.details["operations"]["attention"]["gmacs"] == pytest.approx(by_hand / 1e9)
    # Of the layers, which are all that it sees, torch-pruning says the same, and it counts their biases.
    layers = sum(found.details["operations"][kind]["gmacs"] for kind in ("convolution", "addmm", "normalisation"))
    assert layers < found.values["gmacs_torch_pruning"] < 1.1 * layers
    single = next(graph for name, graph in model.graphs().items() if name == "unet").example["latents"]
    assert len(single) == at_once
    # An image of other steps than the sampler's, of the dense network too.
    longer = Cost(steps=5).measure(Subject(model, tmp_path, None, None, [], model))  # type: ignore[arg-type]
    assert longer.details["graphs"] == {**graphs, "unet": {**graphs["unet"], "calls": 5}}
    assert (longer.values["macs_removed"], model.sampling.steps) == (0, 3)


class Called(nn.Module):
    """A layer or function under the argument's name that the counter calls."""

    def __init__(self, call: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        return self.call(x)


def attend(x: Tensor) -> Tensor:
    with sdpa_kernel(SDPBackend.MATH):  # as two matrix products, which torch's own registry knows on every device
        return F.scaled_dot_product_attention(x, x[:, :, :5], x[:, :, :5])


KNOWN: dict[str, tuple[Callable[[Tensor], Tensor], tuple[int, ...], int]] = {
    "convolution": (nn.Conv2d(4, 6, 3, padding=1), (2, 4, 9, 7), 2 * 6 * 9 * 7 * 4 * 9),
    "strided": (nn.Conv2d(4, 6, (3, 5), stride=2, dilation=(2, 1)), (1, 4, 9, 7), 6 * 3 * 2 * 4 * 15),
    "depthwise": (nn.Conv2d(4, 8, 3, groups=4), (1, 4, 9, 7), 8 * 7 * 5 * 9),
    "transposed": (nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1), (1, 4, 5, 3), 4 * 5 * 3 * 6 * 16),
    "one dimension": (nn.Conv1d(4, 6, 3), (2, 4, 9), 2 * 6 * 7 * 4 * 3),
    "three dimensions": (nn.Conv3d(2, 3, 2), (1, 2, 4, 3, 3), 3 * 3 * 2 * 2 * 2 * 8),
    "linear": (nn.Linear(8, 5), (3, 7, 8), 3 * 7 * 8 * 5),
    "product": (lambda x: x @ x.transpose(1, 2), (2, 5, 4), 2 * 5 * 5 * 4),
    "baddbmm": (lambda x: torch.baddbmm(x[:, :, :5], x, x.transpose(1, 2)), (2, 5, 6), 2 * 5 * 5 * 6),
    "attention": (attend, (1, 2, 7, 8), 2 * 2 * 7 * 5 * 8),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_what_torchs_own_counter_knows_is_counted_as_it_does(kind: str) -> None:
    call, shape, by_hand = KNOWN[kind]
    x, model = torch.zeros(shape), Called(call)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x)
    assert counter.get_total_flops() == FLOPS_PER_MAC * count_macs(model, {"x": x}).total
    assert count_macs(model, {"x": x}).total == by_hand


def test_attention_costs_the_same_by_whatever_kernel() -> None:
    query, key = torch.zeros(1, 2, 7, 8), torch.zeros(1, 2, 5, 8)

    def fused(x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(x, key, key)

    [(kind, macs)] = count_macs(Called(fused), {"x": query}).operations.items()
    assert (kind, macs) == ("attention", 2 * 2 * 7 * 5 * 8)
