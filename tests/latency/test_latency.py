"""Time by width: what is measured is found again, and pruning spends its ratio by it. No time is asserted."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import SIZE, WIDTH
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.export.openvino_convolution import convolution_ms
from vtoncompress.latency.command import measure_latency
from vtoncompress.latency.costs import Costs
from vtoncompress.latency.geometry import Geometry
from vtoncompress.latency.lookup import Grid, Lookup, read_lookup, write_lookup
from vtoncompress.latency.measure import points
from vtoncompress.latency.shapes import geometries
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.pruning.groups import find_groups, trace
from vtoncompress.pruning.latency import LatencyAware

SCOPE = ["warp", "generator"]


def by_products(model: PFAFN, expensive: str = "") -> Lookup:
    """As if a convolution took its products, those of one height a hundred times as much."""
    grids = {}
    for geometry, channels in points(model).items():
        inputs, outputs = (np.array([1.0, max(one) + 1]) for one in channels)  # between which products are linear
        factor = 100.0 if str(geometry.height) == expensive else 1.0
        grids[geometry] = Grid(inputs, outputs, factor * geometry.macs(1, 1) * np.outer(inputs, outputs) / 1e9)
    return Lookup(grids, {"precision": "int8"})


def macs(model: PFAFN) -> float:
    layers = dict(model.named_modules())
    return sum(
        geometry.macs(layers[name].in_channels, layers[name].out_channels)
        for name, geometry in geometries(model).items()
    )


def test_between_points_it_is_linear_and_at_the_rim_beyond() -> None:
    grid = Grid(np.array([8.0, 16]), np.array([8.0, 32]), np.array([[1.0, 4], [2, 8]]))
    assert grid.at(8, 32) == 4
    assert grid.at(12, 20) == pytest.approx((1 + 4 + 2 + 8) / 4)
    assert grid.at(3, 40) == 4


def test_a_width_takes_no_longer_than_a_wider_one_though_it_was_measured_so() -> None:
    """Whose channels could be zeros; the outlier would have the channels beside it taken for nothing."""
    channels = np.array([8.0, 16, 32])
    grid = Grid(channels, channels, np.array([[1.0, 9, 3], [2, 3, 4], [2, 4, 6]]))
    assert grid.at(8, 16) == grid.at(8, 32) == 3
    assert grid.at(16, 8) == 2
    steps = np.diff(grid.needed, axis=0), np.diff(grid.needed, axis=1)
    assert all((step >= 0).all() for step in steps)


def test_a_file_holds_what_was_measured_and_says_how_to_get_another(tmp_path: Path, toy: PFAFN) -> None:
    path, lookup = tmp_path / "toy.json", by_products(toy)
    write_lookup(lookup, path)
    again = read_lookup(path)
    assert again.protocol == lookup.protocol
    assert again.grids.keys() == lookup.grids.keys()
    for geometry, grid in lookup.grids.items():
        np.testing.assert_allclose(again.grids[geometry].milliseconds, grid.milliseconds, atol=1e-5)
    with pytest.raises(ValueError, match="has no 5x5 convolution of stride 1 on 2x2: measure it with"):
        again.milliseconds(Geometry(5, 1, 2, 2), 8, 8)
    told = json.loads(path.read_text())
    told["grids"][0]["inputs"].append(1)
    path.write_text(json.dumps(told))
    for file, message in ((path, "is damaged"), (tmp_path / "none.json", "is missing: measure it with")):
        with pytest.raises(ValueError, match=message):
            read_lookup(file)


def test_predicted_costs_follow_the_widths_of_groups(toy: PFAFN) -> None:
    """Against a network that was really pruned: every reader of a group has fewer inputs, tied layers fewer outputs."""
    graph = trace(toy)
    groups = find_groups(toy, SCOPE, graph)
    costs, widths = Costs(toy, groups, graph, by_products(toy)), [group.channels for group in groups]
    for place in (0, 3, len(groups) // 2, len(groups) - 1):
        pruned = copy.deepcopy(toy)
        other = trace(pruned)
        root = find_groups(pruned, SCOPE, other)[place].tied[0].dep
        other.get_pruning_group(root.target.module, root.handler, [0]).prune()
        saved = (macs(toy) - macs(pruned)) / 1e9
        assert costs.saved_ms(widths, place, 1) == pytest.approx(saved, rel=1e-6)
        assert place in costs.neighbours(place)


def test_a_small_network_costs_what_the_large_one_costs_whose_latencies_are_given(toy: PFAFN) -> None:
    large = PFAFN(2 * WIDTH, (2 * SIZE[0], 2 * SIZE[1]), "official").eval()
    graphs = [trace(model) for model in (toy, large)]
    groups = [find_groups(model, SCOPE, graph) for model, graph in zip((toy, large), graphs, strict=True)]
    lookup = by_products(large)
    small, expected = Costs(toy, groups[0], graphs[0], lookup, 2, 2), Costs(large, groups[1], graphs[1], lookup)
    widths, wide = ([group.channels for group in ones] for ones in groups)
    assert wide == [2 * width for width in widths]
    assert small.whole_ms(widths) == pytest.approx(expected.whole_ms(wide))
    for place in (0, len(groups[0]) // 2, len(groups[0]) - 1):
        assert small.saved_ms(widths, place, 1) == pytest.approx(expected.saved_ms(wide, place, 2))


def test_a_ratio_is_a_share_of_time_and_goes_where_it_buys_most(toy: PFAFN, tmp_path: Path) -> None:
    dense = copy.deepcopy(toy)
    write_lookup(by_products(toy, expensive="64"), tmp_path / "toy.json")
    mode = LatencyAware(0.4, str(tmp_path / "toy.json"), max_ratio=0.75, round_to=4)
    mode.prune(toy, SCOPE, MagnitudeL2())
    lookup = read_lookup(tmp_path / "toy.json")

    def time(model: PFAFN) -> float:
        layers = dict(model.named_modules())
        return sum(
            lookup.milliseconds(geometry, layers[name].in_channels, layers[name].out_channels)
            for name, geometry in geometries(model).items()
        )

    assert 0.5 < time(toy) / time(dense) < 0.65
    before, after = (
        {name: layer.out_channels for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
        for model in (dense, toy)
    )
    shapes = geometries(dense)
    lost = {name: 1 - after[name] / width for name, width in before.items()}
    dear, cheap = (
        np.mean([share for name, share in lost.items() if (shapes[name].height == 64) is at]) for at in (True, False)
    )
    assert dear > 2 * cheap
    assert max(lost.values()) <= 0.75
    assert all(after[name] % 4 == 0 for name, width in before.items() if after[name] != width)


def write_sensitivities(model: PFAFN, path: Path, dear: str = "generator") -> None:
    """Half of a group costs nothing, or a great deal in ``dear``."""
    losses = ((group.name, 0.3 if group.name.startswith(dear) else -0.001) for group in find_groups(model, SCOPE))
    rows = (f"{name},{name},{ratio},{loss}" for name, loss in losses for ratio in (0.25, 0.5))
    path.write_text("\n".join(["group,members,ratio,ssim_garment_loss", "dense,,0,0", *rows]))


def widths(model: PFAFN) -> dict[str, int]:
    return {name: layer.out_channels for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}


def test_sensitivities_keep_what_is_dear_and_give_each_width_the_same_shares(toy: PFAFN, tmp_path: Path) -> None:
    """A small network by a large one's times, whatever the weights of both."""
    large = PFAFN(2 * WIDTH, (2 * SIZE[0], 2 * SIZE[1]), "official").eval()
    lookup, sensitivity = tmp_path / "large.json", tmp_path / "sensitivity.csv"
    write_lookup(by_products(large), lookup)
    write_sensitivities(toy, sensitivity)
    dense = widths(toy), widths(large)
    mode: dict[str, Any] = {"lookup": str(lookup), "sensitivity": str(sensitivity), "max_ratio": 0.75}
    LatencyAware(0.25, round_to=2, lookup_channels=2, lookup_sides=2, **mode).prune(toy, SCOPE, MagnitudeL2())
    LatencyAware(0.25, round_to=4, **mode).prune(large, SCOPE, MagnitudeL2())
    lost, also = (
        {name: 1 - width / before[name] for name, width in widths(model).items()}
        for model, before in zip((toy, large), dense, strict=True)
    )
    assert lost == also
    assert not any(share for name, share in lost.items() if name.startswith("generator"))
    assert max(lost.values()) > 0.4


def test_what_can_not_be_is_told(toy: PFAFN, tmp_path: Path) -> None:
    write_lookup(by_products(toy), tmp_path / "toy.json")
    with pytest.raises(ValueError, match="of the time can be saved here: use less"):
        LatencyAware(0.99, str(tmp_path / "toy.json"), round_to=4).prune(toy, SCOPE, MagnitudeL2())
    with pytest.raises(ValueError, match="pruning.lookup=null"):
        LatencyAware(0.3).prune(toy, SCOPE, MagnitudeL2())
    with pytest.raises(ValueError, match="is missing: measure it with"):
        LatencyAware(0.3, str(tmp_path / "none.json")).check(toy, SCOPE)
    with pytest.raises(ValueError, match="was measured in int8, and pruning.precision=f32"):
        LatencyAware(0.3, str(tmp_path / "toy.json"), precision="f32").check(toy, SCOPE)
    (tmp_path / "other.csv").write_text("group,members,ratio,ssim_garment_loss\nwarp.a,warp.a,0.5,0.1\n")
    for sensitivity, message in (("none.csv", "holds no sensitivities"), ("other.csv", "groups are missing")):
        with torch.device("meta"), pytest.raises(ValueError, match=message):
            LatencyAware(0.3, sensitivity=str(tmp_path / sensitivity)).check(PFAFN(WIDTH, SIZE, "official"), SCOPE)
    for options, message in (
        ({"round_to": None}, "round_to=None"),
        ({"precision": "int2"}, "precision=int2: choose one of f32, int8"),
        ({"max_ratio": 0.0}, "max_ratio=0"),
        ({"ratios": {"warp": 0.2}}, "can only keep parts"),
    ):
        with pytest.raises(ValueError, match=message):
            LatencyAware(0.3, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_a_convolution_is_timed_in_its_precision(precision: str) -> None:
    assert convolution_ms(Geometry(3, 2, 16, 12), 8, 16, precision, 1, 1, scrub=False) > 0


def test_the_command_measures_every_kind_of_convolution(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, int, int]] = []

    def time(geometry: Geometry, inputs: int, outputs: int, *how: Any) -> float:
        asked.append(how)
        return geometry.macs(inputs, outputs) / 1e6

    monkeypatch.setattr("vtoncompress.latency.measure.convolution_ms", time)
    network = {"_target_": "vtoncompress.model.pf_afn.PFAFN", "width": 1 / 32, "size": [64, 64]}
    config = {"model": {"name": "toy", "network": network}, "repetitions": 2, "threads": 1, "results": str(tmp_path)}
    path = measure_latency({**config, "precision": "int8"})
    assert path == tmp_path / "latency" / "toy_int8.json"
    lookup, model = read_lookup(path), PFAFN(1 / 32, (64, 64))
    assert set(asked) == {("int8", 1, 2)}
    layers = dict(model.named_modules())
    for name, geometry in geometries(model).items():
        layer = layers[name]
        expected = geometry.macs(layer.in_channels, layer.out_channels) / 1e6
        assert lookup.milliseconds(geometry, layer.in_channels, layer.out_channels) == pytest.approx(expected, abs=1e-5)
    assert lookup.protocol["threads"] == 1
    for wrong, message in (
        ({"precision": "int2"}, "precision=int2"),
        ({"repetitions": 0}, "repetitions=0"),
        ({"threads": 0}, "threads=0"),
    ):
        with pytest.raises(ValueError, match=message):
            measure_latency({**config, "precision": "int8", **wrong})
