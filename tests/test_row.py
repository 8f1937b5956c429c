"""From artifacts to a record: an experiment's reasons for empty cells, which a number takes the place of."""

from __future__ import annotations

from pathlib import Path

from hydra import compose, initialize_config_dir

from tests.conftest import ROOT, TOY
from vtoncompress import variant
from vtoncompress.sweep import complete


def test_a_reason_stays_until_there_is_a_number(tmp_path: Path) -> None:
    reasons = "missing={fid:bring your weights,gmacs:not counted}"
    options = (*TOY, "metric=[cost]", "export=torch", "name=test", f"results={tmp_path}", f"store={tmp_path / 'store'}")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", [*options, f"+{reasons}"], return_hydra_config=True)
    record = variant.run(complete(cfg, cfg.hydra.runtime.choices, 0))
    assert (record.status, record.missing) == ("done", {"fid": "bring your weights"})
    assert record.values["gmacs"] > 0
    assert "missing" not in record.trust["config"]
