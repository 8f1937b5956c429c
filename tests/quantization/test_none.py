from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

from tests.quantization.conftest import CONF, configured
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.quantization.base import Material
from vtoncompress.quantization.none import NoQuantization


def test_leaves_everything_as_it_is(tmp_path: Path, model: PFAFN, material: Material) -> None:
    mode = configured("none")
    assert isinstance(mode, NoQuantization)
    (tmp_path / "model.bin").write_bytes(b"as it was")
    prepared, told = mode.prepare(model, material)
    assert prepared is model
    assert not told
    assert not mode.convert(tmp_path, "openvino", model, material)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("model.bin", b"as it was")]


def test_has_every_option_of_the_other_modes() -> None:
    """So that a sweep over modes may set them."""
    options = {file.stem: set(OmegaConf.load(file)) for file in (CONF / "quantization").glob("*.yaml")}
    assert set().union(*options.values()) - options["none"] == set()
