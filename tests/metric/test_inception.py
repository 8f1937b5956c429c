"""Inception's features, and FID from folders, against pytorch-fid's and clean-fid's own code; seeded weights."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from vtoncompress.data.base import Image, Pair
from vtoncompress.fingerprint import file_hash
from vtoncompress.image import read_image, write_image
from vtoncompress.metric import inception
from vtoncompress.metric.base import Batch, Prediction
from vtoncompress.metric.bootstrap import INTERVAL
from vtoncompress.metric.distance import frechet_distance
from vtoncompress.metric.distribution import forget_extractors
from vtoncompress.metric.fid import Fid
from vtoncompress.metric.inception import Inception, build_network
from vtoncompress.metric.inception_stand_in import stand_in_state, write_torchscript
from vtoncompress.metric.kid import Kid


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return stand_in_state()


@pytest.fixture(scope="module")
def weights(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "stand-in.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two sets of more small pictures than 64 features, so that no covariance is singular."""
    random, root = np.random.default_rng(0), tmp_path_factory.mktemp("pictures")
    for index, contrast in enumerate((60, 90)):
        folder = root / str(index)
        folder.mkdir()
        for number in range(72):
            coarse = random.normal(120 + number, contrast, (4, 3, 3)).clip(0, 255).astype(np.uint8)
            write_image(folder / f"{number:03d}.png", coarse.repeat(6, 0).repeat(6, 1))
    return [root / "0", root / "1"]


def read(folder: Path) -> list[Image]:
    return [read_image(path) for path in sorted(folder.glob("*.png"))]


@pytest.fixture(scope="module")
def whole(weights: Path) -> Inception:
    """All of the network, converted once."""
    return extractor(weights, 2048)


def extractor(weights: Path, dimension: int, resizing: str = "pytorch_fid") -> Inception:
    return Inception(weights, dimension, resizing, file_hash(weights)[:8])


def test_fid_of_two_folders_equals_pytorch_fids_command(
    folders: list[Path], weights: Path, state: dict[str, torch.Tensor]
) -> None:
    from pytorch_fid import fid_score
    from pytorch_fid import inception as theirs

    with mock.patch.object(theirs, "load_state_dict_from_url", return_value=state):
        expected = fid_score.calculate_fid_given_paths([str(one) for one in folders], 36, "cpu", 64, 0)
    extract = extractor(weights, 64)
    found = frechet_distance(*(extract(read(folder)) for folder in folders))
    assert found == pytest.approx(float(expected), rel=1e-4)
    assert (extract.name, extract.suffix) == ("pytorch-fid InceptionV3 64", "_stand_in")


@pytest.mark.parametrize("rule", ["pytorch_fid", "clean_fid"])
def test_the_last_features_equal_each_tools_own(
    rule: str, folders: list[Path], weights: Path, whole: Inception, state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    files = [str(path) for path in sorted(folders[1].glob("*.png"))[:1]]
    if rule == "pytorch_fid":
        from pytorch_fid import fid_score
        from pytorch_fid import inception as theirs

        with mock.patch.object(theirs, "load_state_dict_from_url", return_value=state):
            network = theirs.InceptionV3([3]).eval()
        expected = fid_score.get_activations(files, network, 1, 2048, num_workers=0)
    else:
        from cleanfid import fid
        from cleanfid.inception_torchscript import InceptionV3W

        write_torchscript(build_network(weights, 2048), tmp_path)
        network = InceptionV3W(str(tmp_path), download=False)
        expected = fid.get_files_features(
            files, network, num_workers=0, device=torch.device("cpu"), mode="clean", verbose=False
        )
    extract = extractor(weights, 2048, rule)
    extract.__dict__["_compiled"] = whole._compiled
    found = extract(read(folders[1])[:1])
    assert found.shape == (1, 2048)
    assert np.abs(found).max() > 0.01
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_metrics_fill_inceptions_columns(
    folders: list[Path], weights: Path, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures of several sizes among them."""
    stand_in = file_hash(weights)[:8]
    monkeypatch.setattr(inception, "HASH_PREFIX", stand_in)
    monkeypatch.setattr(Inception.__init__, "__defaults__", (2048, "pytorch_fid", stand_in))
    forget_extractors()
    options = {"inception_weights": str(weights), "inception_dimension": 64, "inception_resizing": "clean_fid"}
    batch = Batch(pairs, [Prediction(one) for one in [*read(folders[0])[:3], pairs[3].person]])
    fid, kid = Fid(**options), Kid(**options)
    for metric in (fid, kid):
        metric.update(batch)
    assert len(batch.features) == 2
    found = fid.compute()
    assert set(found.values) == {"fid"}
    assert set(found.missing) == {"fid_shipped"}
    assert found.details["fid_rank_deficient"]
    low, high = found.details[INTERVAL]["fid"]
    assert low < found.values["fid"] < high
    assert found.protocol["fid_resizing"].endswith("(clean-fid)")
    assert set(kid.compute().values) == {"kid", "kid_std"}
    forget_extractors()


@pytest.mark.parametrize("options, message", [((65,), "inception_dimension=65"), ((64, "nearest"), "clean_fid")])
def test_unknown_choices(options: tuple[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Inception(Path("none.pth"), *options)
