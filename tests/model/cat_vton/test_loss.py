"""Both trainings, on generated pairs with masks."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from tests.model.cat_vton.conftest import TINY
from vtoncompress.finetuning.first_phase import FirstPhase
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.unet import attention_state


@pytest.fixture
def fresh() -> CatVTON:
    torch.manual_seed(3)
    return CatVTON((64, 48), **TINY)


def two(batch: dict[str, Tensor], *places: int) -> dict[str, Tensor]:
    """The middle of two pairs, at these places of a training."""
    pictures = {name: tensor[:2, ..., 32:96, 24:72] for name, tensor in batch.items() if tensor.ndim == 4}
    return {**pictures, "place": torch.tensor(places)}


def total(model: CatVTON, batch: dict[str, Tensor], **weights: float) -> Tensor:
    return torch.stack([*model.losses(batch, weights).values()]).sum()


@pytest.mark.parametrize("weights", [{"noise": 1.0}, {"dream": 1.0}, {"reconstruction": 1.0, "divergence": 1e-4}])
def test_some_steps_on_the_same_pairs_bring_the_loss_down(
    fresh: CatVTON, batch: dict[str, Tensor], weights: dict[str, float]
) -> None:
    optimizer, losses = torch.optim.AdamW(fresh.train().parameters(), 2e-3), []
    before = copy.deepcopy(fresh.state_dict())
    for _ in range(6):
        loss = total(fresh, two(batch, 4, 5), **weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    after = fresh.state_dict()
    changed = {name.split(".")[0] for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert changed == ({"vae", "latent_scale"} if "reconstruction" in weights else {"unet"})


def test_what_is_drawn_depends_on_a_sample_s_place_alone(fresh: CatVTON, batch: dict[str, Tensor]) -> None:
    with torch.no_grad():
        first, again, other = (total(fresh, two(batch, *places), noise=1.0) for places in ((4, 5), (4, 5), (6, 7)))
    assert first == again != other


def test_dream_rectifies_the_noise_by_what_the_network_gets_wrong(fresh: CatVTON, batch: dict[str, Tensor]) -> None:
    """A network that predicts nothing gets all of it wrong: the target is (1 + lambda) times the noise."""
    for parameter in fresh.unet.conv_out.parameters():
        torch.nn.init.zeros_(parameter)
    expected = []
    for place in (4, 5):
        generator = torch.Generator().manual_seed(place)
        noise = torch.randn(4, 64, 24, generator=generator)
        kept = fresh.schedule.kept()[int(torch.randint(1000, (), generator=generator))]
        expected.append(((1 + (1 - kept) ** 5) * noise).square().mean())
    with torch.no_grad():
        assert torch.isclose(total(fresh, two(batch, 4, 5), dream=1.0), torch.stack(expected).mean(), rtol=1e-4)


def test_attention_only_trains_the_published_part(fresh: CatVTON) -> None:
    phase = FirstPhase(1.0, ("unet.*.attn1",))
    phase.check(fresh)
    phase.begin(fresh)
    trained = sum(parameter.numel() for parameter in fresh.parameters() if parameter.requires_grad)
    assert trained == sum(tensor.numel() for tensor in attention_state(fresh.unet).values())
