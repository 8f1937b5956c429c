from __future__ import annotations

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.export.conftest import pictures, toy
from vtoncompress.quantization.none import NoQuantization

CONFIG = Path(__file__).parents[2] / "conf" / "quantization"


def test_leaves_everything_as_it_is(tmp_path: Path) -> None:
    mode = instantiate(OmegaConf.load(CONFIG / "none.yaml"))
    assert isinstance(mode, NoQuantization)
    model = toy("official")
    (tmp_path / "model.bin").write_bytes(b"as it was")
    assert mode.prepare(model, pictures(1)) is model
    mode.convert(tmp_path, "openvino", model, pictures(1))
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("model.bin", b"as it was")]


def test_has_every_option_of_the_other_modes() -> None:
    """So that a sweep over modes may set them."""
    options = {file.stem: set(OmegaConf.load(file)) for file in CONFIG.glob("*.yaml")}
    assert set().union(*options.values()) - options["none"] == set()
