"""From artifacts to a record: an experiment's reasons for empty cells, which a number takes the place of."""

from __future__ import annotations

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.conftest import ROOT, TOY
from vtoncompress import checkpoint, row, variant
from vtoncompress.data.dataset_layout import write_dataset
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.fingerprint import file_hash
from vtoncompress.summary import captions
from vtoncompress.variant_config import complete


def test_a_reason_stays_until_there_is_a_number(tmp_path: Path) -> None:
    reasons = "missing={fid:bring your weights,gmacs:not counted}"
    options = (*TOY, "metric=[cost]", "export=torch", "name=test", f"results={tmp_path}", f"store={tmp_path / 'store'}")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        checkpoint.save(instantiate(compose("config", [*options]).model.network), tmp_path / "mine")
        options = (*options, f"model.checkpoint={tmp_path / 'mine'}")
        cfg = compose("config", [*options, f"+{reasons}"], return_hydra_config=True)
    record = variant.run(complete(cfg, cfg.hydra.runtime.choices, 0))
    assert (record.status, record.missing) == ("done", {"fid": "bring your weights"})
    assert record.values["gmacs"] > 0
    assert "missing" not in record.trust["config"]
    # A name alone would not say which weights lay under it.
    assert record.trust["weights"] == f"checkpoint mine ({file_hash(tmp_path / 'mine' / 'weights.safetensors')[:16]})"


def test_pairs_that_were_left_out_are_named_in_the_record_and_counted_below_the_table(tmp_path: Path) -> None:
    write_dataset(Synthetic("test", 3, 128, 96), "viton_hd", tmp_path / "photos")
    (tmp_path / "photos" / "test" / "image" / "00001_00.jpg").write_bytes(b"torn")
    options = ("data=viton_hd", f"data.root={tmp_path / 'photos'}", "data.damaged=skip", "metric=[ssim]", "name=test")
    toy = [one for one in TOY if not one.startswith("data.")]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", [*toy, *options], return_hydra_config=True)
    record = row.describe(complete(cfg, cfg.hydra.runtime.choices, 0))
    assert (record.pairs, record.protocol, record.trust["pairing"]) == (2, "cat_vton_vitonhd", "unpaired")
    [line] = record.trust["left_out"]
    assert line.startswith("00001_00.jpg 00004_00.jpg: ")
    record.values = {"ssim": 0.5}
    assert f"1 more left out ({line})" in captions([record], {"ssim"})[0]
