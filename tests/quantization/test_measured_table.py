"""docs/quantization.md and the notes beside the modes show what results/ measured, which meets what was asked for."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.quantization import measured
from vtoncompress.record import read_all

AGAIN = "run python -m tests.quantization.measured"


@pytest.mark.parametrize("name, made", [("measured", measured.table), ("acceptance", measured.acceptance)])
def test_the_document_says_what_was_measured(name: str, made: object) -> None:
    assert callable(made)
    assert measured.marked(name) == made(), AGAIN


@pytest.mark.parametrize("mode", measured.modes())
def test_the_note_of_a_mode_has_its_figures(mode: str) -> None:
    assert measured.note(mode) in measured.note_of(mode), AGAIN


def test_every_row_of_the_experiment_is_measured() -> None:
    if names := measured.unmeasured():
        pytest.skip(f"not measured yet, and the document says so: {', '.join(names)}")


@pytest.mark.parametrize("experiment", ["quantization_modes", "quantization", "full_size_quantization"])
def test_tables_hold_what_records_do(experiment: str) -> None:
    table = measured.frame(experiment)
    records = {one.variant: one for one in read_all(ROOT / "results" / experiment) if one.variant in table.index}
    assert len(records) == len(table) > 0
    for name, record in records.items():
        for column in (*measured.DIGITS, "psnr", "l1_garment"):
            if column in record.values:
                assert table.loc[name, column] == pytest.approx(record.values[column], rel=1e-9)


def test_int8_of_both_networks_costs_less_than_was_published() -> None:
    loss = measured.int8_loss()
    assert loss["fid_percent"] < 100 * (11.503 / 9.504 - 1)
    assert loss["ssim_garment"] < 0.02


@pytest.mark.parametrize("float32, int8", [("dense", "dense_int8"), ("unquantized", "quantize_cwm_and_igm")])
def test_full_size_int8_files_are_small(float32: str, int8: str) -> None:
    sizes = measured.frame("full_size_quantization").size_mib
    assert sizes[int8] <= 0.30 * sizes[float32]


def test_training_with_rounding_is_at_least_as_good_as_any_mode_without() -> None:
    rows, others = measured.trained_rows(measured.frame()), measured.post_training()
    for mode in measured.TRAINED:
        runs = rows[rows.quantization == mode]
        assert len(runs) == 3
        assert set(runs.pairs) == {512}
        assert runs.ssim_garment.mean() >= others.ssim_garment.max()
