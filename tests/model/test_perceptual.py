"""The distance is 0 for equal pictures, can be learnt from, is frozen, and says what it looks through."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vtoncompress.fingerprint import file_hash
from vtoncompress.metric.feature_network import SHA256
from vtoncompress.model import perceptual, perceptual_weights
from vtoncompress.model.perceptual import VGG19_LAYERS, VGG19_WEIGHTS, PerceptualDistance
from vtoncompress.model.perceptual_weights import find_vgg19, is_needed


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty torch hub."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def random_vgg19(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in torchvision's layout, with a classifier that nobody reads, named by their hash."""
    torch.manual_seed(0)
    layers = perceptual._vgg19_layers().to_empty(device="cpu")
    for layer in layers:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    state = {f"features.{name}": value for name, value in layers.state_dict().items()}
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, path)
    return path.rename(path.with_name(f"vgg19-{file_hash(path)[:8]}.pth"))


@pytest.fixture
def given(random_vgg19: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As if the random weights were torchvision's."""
    monkeypatch.setattr(perceptual, "FILE_NAME", random_vgg19.name)
    monkeypatch.setattr(perceptual_weights, "FILE_NAME", random_vgg19.name)
    return random_vgg19


@pytest.fixture
def pictures(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    return batch["truth"][:1], batch["person"][:1]


def test_without_weights_it_is_the_shipped_network(pictures: tuple[Tensor, Tensor]) -> None:
    distance = PerceptualDistance()
    assert distance.origin["network"] == "vtoncompress features"
    assert distance.origin["weights"] == SHA256
    assert distance(pictures[0], pictures[0]) == 0
    assert distance(*pictures) > 0.05


def test_it_stays_in_evaluation_mode_and_learns_nothing(pictures: tuple[Tensor, Tensor]) -> None:
    distance = PerceptualDistance("shipped")
    before = {name: value.clone() for name, value in distance.state_dict().items()}
    picture = pictures[0].clone().requires_grad_()
    owner = torch.nn.Sequential(distance).train()
    owner[0](picture, pictures[1]).backward()
    assert picture.grad is not None
    assert picture.grad.abs().min(dim=0).values.max() > 0
    assert not any(module.training for module in distance.modules())
    assert not any(parameter.requires_grad for parameter in distance.parameters())
    assert all(torch.equal(value, before[name]) for name, value in distance.state_dict().items())


def test_the_gradient_is_that_of_finite_differences(pictures: tuple[Tensor, Tensor]) -> None:
    distance, generator = PerceptualDistance("shipped"), torch.Generator().manual_seed(0)
    picture = pictures[0].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(distance(picture, pictures[1]), picture)
    with torch.no_grad():
        direction = torch.randn(picture.shape, generator=generator) + gradient.sign()
        ahead, behind = (distance(picture + step * direction, pictures[1]) for step in (1e-3, -1e-3))
    assert ((ahead - behind) / 2e-3).item() == pytest.approx((gradient * direction).sum().item(), rel=0.03)


def test_no_random_number_is_drawn(given: Path) -> None:
    torch.manual_seed(0)
    PerceptualDistance("shipped")
    PerceptualDistance("vgg19", str(given))
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert drawn == torch.rand(1)


def test_vgg19_is_taken_where_its_weights_are(given: Path, cache: Path, pictures: tuple[Tensor, Tensor]) -> None:
    """Against torchvision's own layers, one after the other."""
    (cache / given.name).symlink_to(given)
    distance = PerceptualDistance()
    assert distance.origin == {
        "network": "torchvision VGG-19, ImageNet",
        "weights": file_hash(given)[:16],
        "layers": dict(zip(VGG19_LAYERS, VGG19_WEIGHTS, strict=True)),
    }
    state = torch.load(given, weights_only=True)
    layers = perceptual._vgg19_layers().to_empty(device="cpu")
    layers.load_state_dict({name.removeprefix("features."): x for name, x in state.items() if "features" in name})
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = 0.0
    with torch.no_grad():
        for index, weight in zip(VGG19_LAYERS.values(), VGG19_WEIGHTS, strict=True):
            x, y = (
                layers[: index + 1](((one + 1) / 2 - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)) for one in pictures
            )
            expected += weight * F.l1_loss(x, y).item()
        assert distance(*pictures).item() == pytest.approx(expected, rel=1e-5)
        assert len(distance.network(pictures[0])) == len(VGG19_LAYERS)
        # A picture of 8 pixels has no fifth layer.
        small = F.interpolate(pictures[0], (8, 8))
        assert len(distance.network(small)) == 4
        assert distance(small, small) == 0


def test_weights_that_are_missing_or_others_are_refused(given: Path, random_vgg19: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"no VGG-19 weights at .*checkpoints/{given.name}: put torchvision's"):
        find_vgg19("vgg19", None)
    assert find_vgg19("auto", None) is None
    for features in ("auto", "vgg19"):
        with pytest.raises(ValueError, match="finetuning.perceptual.weights=.*nowhere: correct the path"):
            find_vgg19(features, str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="belong to vgg19"):
        find_vgg19("shipped", str(given))
    with pytest.raises(ValueError, match="finetuning.perceptual.features=vgg: choose one of auto, vgg19, shipped"):
        find_vgg19("vgg", None)
    (tmp_path / "other.pth").write_bytes(b"other")
    with pytest.raises(ValueError, match="other.pth is not vgg19-.* its SHA-256 begins with"):
        PerceptualDistance("vgg19", str(tmp_path / "other.pth"))


def test_it_is_needed_where_a_perceptual_term_has_a_weight() -> None:
    assert is_needed({"image": 1.0, "perceptual_image": 0.1})
    assert not is_needed({"image": 1.0, "perceptual_image": 0.0})
