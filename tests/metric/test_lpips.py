"""LPIPS against torchmetrics' own call, seeded weights in place of torchvision's; which files are taken."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from vtoncompress.data.base import Pair
from vtoncompress.fingerprint import file_hash
from vtoncompress.metric import lpips_network
from vtoncompress.metric.base import Batch, Prediction
from vtoncompress.metric.lpips import Lpips
from vtoncompress.metric.lpips_network import BACKBONES, Backbone
from vtoncompress.metric.torchvision_import import make_torchvision_importable


@pytest.fixture(autouse=True)
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def stand_in(network: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, torch.Tensor]]:
    """Seeded weights of the layers, saved under a name that their hash ends, as torchvision's are."""
    make_torchvision_importable()
    import torchvision

    torch.manual_seed(0)
    name = BACKBONES[network].name
    if network == "squeeze":
        state = torchvision.models.squeezenet1_1(weights=None).state_dict()
    else:  # without their classifiers, which hold most of the weights
        with torch.device("meta"):
            layers = getattr(torchvision.models, name)(weights=None).features
        state = {f"features.{key}": torch.randn(value.shape) * 0.05 for key, value in layers.state_dict().items()}
    torch.save(state, folder / "new.pth")
    path = folder / f"{name}-{file_hash(folder / 'new.pth')[:8]}.pth"
    (folder / "new.pth").rename(path)
    monkeypatch.setitem(lpips_network.BACKBONES, network, Backbone(name, path.name))
    return path, state


def planes(pictures: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("network", ["alex", "vgg", "squeeze"])
def test_equal_to_torchmetrics(
    network: str, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, state = stand_in(network, tmp_path, monkeypatch)
    metric = Lpips(network, str(path))
    for part in (pairs[:2], pairs[2:3]):
        metric.update(Batch(part, [Prediction(pair.person) for pair in part]))
    found = metric.compute()

    import torchvision
    from torchmetrics.functional.image import learned_perceptual_image_patch_similarity, lpips

    first, second = (
        planes([pair.person for pair in pairs[:3]]),
        planes([p.truth for p in pairs[:3] if p.truth is not None]),
    )
    if network == "squeeze":  # by torchmetrics' and torchvision's own way to the weights
        with mock.patch.object(torchvision.models._api, "load_state_dict_from_url", return_value=state):
            expected = learned_perceptual_image_patch_similarity(first, second, "squeeze", normalize=True)
    else:
        layers = getattr(torchvision.models, BACKBONES[network].name)
        with torch.device("meta"):
            features = layers(weights=None).features
        features.load_state_dict({k.removeprefix("features."): v for k, v in state.items()}, assign=True)
        with mock.patch.object(lpips, "_get_tv_model_features", return_value=features):
            expected = learned_perceptual_image_patch_similarity(first, second, network, normalize=True)
    assert found.values["lpips"] == pytest.approx(float(expected), rel=1e-5)
    assert found.values["lpips"] > 0.001
    assert found.protocol == {"lpips_network": f"{network} (torchmetrics)", "lpips_weights": file_hash(path)[:16]}


def test_without_weights_the_column_says_so_and_nothing_is_fetched(pairs: list[Pair]) -> None:
    with mock.patch.object(torch.hub, "download_url_to_file") as fetched:
        metric = Lpips("vgg")
        metric.update(Batch(pairs[:1], [Prediction(pairs[0].person)]))
    assert not fetched.called
    assert metric.compute().missing["lpips"].startswith("vgg16-397923af.pth not given: set metric.lpips.weights")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "alexnet-owt-7be5be79.pth").write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"is not torchvision's alexnet-owt-7be5be79.pth: its SHA-256 begins with"):
        Lpips("alex", str(tmp_path / "alexnet-owt-7be5be79.pth"))
    with pytest.raises(ValueError, match="no squeeze weights at nowhere"):
        Lpips("squeeze", "nowhere")
    with pytest.raises(ValueError, match=r"metric.lpips.network=resnet: choose one of alex, vgg, squeeze"):
        Lpips("resnet")
    with (
        mock.patch.object(torch.hub, "download_url_to_file", side_effect=OSError("no network")),
        pytest.raises(ValueError, match="give metric.lpips.weights=PATH"),
    ):
        Lpips("alex", download=True)
