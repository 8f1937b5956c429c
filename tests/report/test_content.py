"""Curves, times, layers and published points, each from what it says it is from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.report.conftest import row
from vtoncompress.record import Record
from vtoncompress.report.drawing import WIDEST, ending, look
from vtoncompress.report.origin import command_of
from vtoncompress.report.published import draw_published
from vtoncompress.report.ratio import _lines, draw_ratios
from vtoncompress.report.sensitivity import read_sensitivity
from vtoncompress.report.time_spent import BUILT, draw_parts, draw_stages, seconds_by_stage
from vtoncompress.report.training import draw_training


def test_a_curve_begins_at_the_dense_network_and_is_told_by_what_differs(records: list[Record]) -> None:
    rows = [one for one in records if "ssim_garment" in one.values and one.role == "variant"]
    tuned = [replace(one, variant=f"{one.variant}_tuned", finetuning="supervised") for one in rows[2:]]
    lines = _lines([*rows, *tuned])
    assert [*lines] == ["no fine-tuning", "supervised"]
    assert [one.variant for one in lines["no fine-tuning"]] == ["dense", "pruned20", "pruned40"]
    assert [one.variant for one in lines["supervised"]] == ["dense", "pruned20_tuned", "pruned40_tuned"]
    [drawing] = draw_ratios([*rows, *tuned], "")
    assert drawing.name == "ratio_generator"
    assert ">supervised<" in drawing.svg


def test_rows_that_differ_in_more_than_their_seeds_are_on_lines_of_their_own(records: list[Record]) -> None:
    """Heads and head widths, say, are two ways, and their mean is neither's."""
    kinds = {
        kind: [
            replace(one, variant=f"{one.variant}_{kind}", trust={"config": {"pruning": {"attention": kind}}})
            for one in records
            if one.scope == "generator"
        ]
        for kind in ("heads", "head_widths")
    }
    dense = [one for one in records if one.role == "variant" and not one.scope]
    lines = _lines([*dense, *kinds["heads"], *kinds["head_widths"]])
    for kind, rows in kinds.items():
        [members] = [members for label, members in lines.items() if label.endswith(f"pruning.attention={kind}")]
        assert {one.variant for one in members if one.scope} == {one.variant for one in rows}


def test_rows_whose_layers_have_ratios_of_their_own_are_on_no_curve(records: list[Record]) -> None:
    own = {"pruning": {"ratios": {"a.layer": 0.5}}}
    assert draw_ratios([*records[:4], *(replace(one, trust={"config": own}) for one in records[4:6])], "") == []


def test_a_stage_that_rows_share_counts_once() -> None:
    one = row("a", **{"details": {BUILT: {"model/1": 1.5, "finetuning/1": 60.0}}})
    other = row("b", **{"details": {BUILT: {"model/1": 1.5, "finetuning/2": 30.0}}})
    assert seconds_by_stage([one, other]) == {"finetuning": 90.0, "model": 1.5}
    drawing = draw_stages([one, other], "")
    assert drawing is not None
    assert "90.0 s" in drawing.svg
    assert draw_stages([row("c")], "") is None


def test_a_training_that_rows_share_is_one_line_and_other_losses_have_a_figure_of_their_own() -> None:
    flow = {"step": [1, 2], "loss_flow": [2.0, 1.0], "loss_picture": [3.0, 1.0], "rate": [9.0, 9.0]}
    rows = [
        row("a", details={"training": {"curve": flow}}, stages=["finetuning/1"]),
        row("a_int8", details={"training": {"curve": flow}}, stages=["finetuning/1"]),
        row("b", details={"training": {"curve": flow}}, stages=["finetuning/2"]),
        row("c", details={"quantization": {"training": {"curve": {"step": [1, 2], "loss_noise": [2.0, 1.0]}}}}),
        row("untrained", details={"training": {"steps": 0}}),
    ]
    found = draw_training(rows, "")
    assert [(one.name, one.title) for one in found] == [
        ("training", "Training loss (flow, picture)"), ("training1", "Training loss (noise)")
    ]  # fmt: skip
    assert [name for name in ("a", "a_int8", "b", "c") if f">{name}<" in found[0].svg] == ["a", "b"]
    assert ">c<" in found[1].svg
    assert "mathdefault" not in "".join(one.svg for one in found)
    assert draw_training(rows[-1:], "") == []


def test_the_whole_is_no_part() -> None:
    parts = {"warp": {"gmacs": 2.0}, "generator": {"gmacs": 1.0}, "whole": {"gmacs": 3.0}}
    drawing = draw_parts([row("a", details={"cost": {"parts": parts}})], "")
    assert drawing is not None
    assert ">generator<" in drawing.svg
    assert "whole" not in drawing.svg
    assert draw_parts([row("b")], "") is None


def test_layers_are_those_of_the_same_network(tmp_path: Path) -> None:
    folder = tmp_path / "sensitivity"
    folder.mkdir()
    losses = {"a": (0.01, 0.3), "b": (0.02, 0.1), "c": (0.0, 0.2)}
    lines = [
        f"{name},{ratio},{loss}" for name, pair in losses.items() for ratio, loss in zip((0.1, 0.5), pair, strict=True)
    ]
    (folder / "sensitivity.csv").write_text("\n".join(["group,ratio,ssim_garment_loss", "dense,0,0", *lines]))
    (folder / "sensitivity.md").write_text("- Network: toy, checkpoint toy.\n")
    one = row("a")
    one.trust["weights"] = "checkpoint toy (0123456789abcdef)"
    [found] = read_sensitivity(tmp_path, [one])
    assert found.network == "toy, checkpoint toy"
    assert found.worst == [("a", 0.3), ("c", 0.2), ("b", 0.1)]
    assert found.best == [("b", 0.1), ("c", 0.2), ("a", 0.3)]
    for model, weights in (("another", "checkpoint toy"), ("toy", "checkpoint tuned"), ("toy", "checkpoint to")):
        stranger = row("a", model=model)
        stranger.trust["weights"] = weights
        assert read_sensitivity(tmp_path, [stranger]) == []


@pytest.mark.parametrize("checkpoint, of", [("pf_afn_small", "pruning"), ("tuned", "INT8")])
def test_the_committed_analyses_are_found(checkpoint: str, of: str) -> None:
    one = row("a", model="pf_afn_small")
    one.trust["weights"] = f"checkpoint {checkpoint}"
    [found] = read_sensitivity(ROOT / "results", [one])
    assert found.of == of
    assert found.worst[0][1] >= found.worst[-1][1] >= found.best[0][1]


def test_published_points_stand_in_figures_of_their_own_a_protocol_each() -> None:
    found = {one.drawing.name: one for one in draw_published()}
    assert [*found] == [
        "published_dm_vton_clean_latency_ms_p50", "published_dm_vton_clean_size_mib", "published_pf_afn_viton_size_mib",
        "published_pf_afn_viton_gmacs",
    ]  # fmt: skip
    for name, one in found.items():
        protocol = name.partition("_")[2].removesuffix(f"_{one.cost}")
        assert f"another protocol ({protocol}): not comparable" in one.drawing.svg
        assert (">DM-VTON<" in one.drawing.svg) == (protocol == "dm_vton_clean")
    assert any("leaves out the flow network" in note for note in found["published_pf_afn_viton_size_mib"].errata)


def test_no_two_kinds_of_points_look_alike() -> None:
    assert len({look(index) for index in range(49)}) == 49


def test_lines_of_a_legend_fit_and_differ(records: list[Record]) -> None:
    """Names of a search's rows begin alike and end in a hash; what a line is called by may be long."""
    names = [f"quantization_nncf_ptq_{'criterion_magnitude_l2_' * 3}{end}" for end in ("7177e8", "d68acc")]
    assert [ending(name) for name in names] == [f"…{name[1 - WIDEST :]}" for name in names]
    rows = [one for one in records if "ssim_garment" in one.values and one.role == "variant"]
    long = [replace(one, variant=f"{one.variant}_long", finetuning="of_many_words " * 9) for one in rows[2:]]
    [drawing] = draw_ratios([*rows, *long], "")
    assert drawing.svg.count(">of_many_words") >= 2, "it is not wrapped"


def test_the_command_that_makes_it_again(tmp_path: Path) -> None:
    assert command_of(tmp_path / "quickstart") == "python experiments/run.py experiment=quickstart"
    assert command_of(tmp_path) is None
    (tmp_path / "command.txt").write_text("python experiments/run.py -m seed=0,1\n")
    assert command_of(tmp_path) == "python experiments/run.py -m seed=0,1"


def test_the_command_that_was_typed_goes_before_the_experiment_s_own(tmp_path: Path) -> None:
    (folder := tmp_path / "quickstart").mkdir()
    (folder / "command.txt").write_text("python experiments/run.py experiment=quickstart seed=0,1\n")
    assert command_of(folder) == "python experiments/run.py experiment=quickstart seed=0,1"
