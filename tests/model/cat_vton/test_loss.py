"""Both trainings, on generated pairs with masks."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from tests.model.cat_vton.conftest import TINY
from vtoncompress.finetuning.first_phase import FirstPhase
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.loss import DRAWS
from vtoncompress.model.cat_vton.unet import attention_state


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


def test_noise_is_added_in_float32_in_a_training_in_bfloat16(fresh: CatVTON, batch: dict[str, Tensor]) -> None:
    plain = fresh.training_latents(two(batch, 4, 5))
    with torch.autocast("cpu", torch.bfloat16):
        of = fresh.training_latents(two(batch, 4, 5))
    for name in ("clean", "known", "noise", "kept"):
        assert getattr(of, name).dtype == torch.float32
    torch.testing.assert_close(of.kept, plain.kept, rtol=0, atol=0)
    torch.testing.assert_close(of.noise, plain.noise, rtol=0, atol=0)


def test_a_pair_s_draws_share_its_latents_and_part_the_timesteps(fresh: CatVTON, batch: dict[str, Tensor]) -> None:
    of = fresh.training_latents(two(batch, 4, 5))
    encode = fresh.encoder()
    truth, garment = (encode(two(batch, 4, 5)[name]).detach() for name in ("truth", "garment"))
    for pair, places in enumerate((slice(0, DRAWS), slice(DRAWS, 2 * DRAWS))):
        for clean, shown in zip(of.clean[places], of.shown[places], strict=True):
            assert torch.allclose(clean, torch.cat([truth[pair], garment[pair]], 1), atol=1e-5)
            assert torch.allclose(shown[1:, garment.shape[2] :], garment[pair], atol=1e-5)
        assert [int(timestep) * DRAWS // 1000 for timestep in of.timesteps[places]] == [*range(DRAWS)]
    assert len({float(noise.sum()) for noise in of.noise}) == 2 * DRAWS
    assert of.noise.std().item() == pytest.approx(1, abs=0.02)


def test_one_draw_in_ten_has_no_garment(fresh: CatVTON, batch: dict[str, Tensor]) -> None:
    hidden = 0
    with torch.no_grad():
        for place in range(0, 100, 2):
            of = fresh.training_latents(two(batch, place, place + 1))
            equal = (of.known == of.without).flatten(1).all(1)
            assert torch.equal(of.known[~equal], of.shown[~equal])
            hidden += int(equal.sum())
    assert 20 < hidden < 60


def test_dream_rectifies_the_noise_by_what_the_network_gets_wrong(fresh: CatVTON, batch: dict[str, Tensor]) -> None:
    """A network that predicts nothing gets all of it wrong: the target is (1 + lambda) times the noise."""
    for parameter in fresh.unet.conv_out.parameters():
        torch.nn.init.zeros_(parameter)
    expected = []
    of = fresh.training_latents(two(batch, 4, 5))
    for noise, timestep in zip(of.noise, of.timesteps, strict=True):
        expected.append(((1 + (1 - fresh.schedule.kept()[timestep]) ** 5) * noise).square().mean())
    with torch.no_grad():
        assert torch.isclose(total(fresh, two(batch, 4, 5), dream=1.0), torch.stack(expected).mean(), rtol=1e-4)


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_the_target_tells_the_latents_and_the_noise_apart(batch: dict[str, Tensor], predicts: str) -> None:
    model = CatVTON((64, 48), **{**TINY, "scheduler": {**TINY["scheduler"], "prediction_type": predicts}})
    of = model.training_latents(two(batch, 4, 5))
    clean, noise = of.parts(of.noisy(of.noise), of.target(of.noise), of.timesteps)
    torch.testing.assert_close(clean, of.clean, atol=1e-3, rtol=0)
    torch.testing.assert_close(noise, of.noise, atol=1e-5, rtol=0)


def test_a_network_that_predicts_no_velocity_misses_all_of_it(batch: dict[str, Tensor]) -> None:
    model = CatVTON((64, 48), **{**TINY, "scheduler": {**TINY["scheduler"], "prediction_type": "v_prediction"}})
    for parameter in model.unet.conv_out.parameters():
        torch.nn.init.zeros_(parameter)
    of = model.training_latents(two(batch, 4, 5))
    kept = torch.tensor(model.schedule.kept())[of.timesteps].view(-1, 1, 1, 1)
    velocity = kept.sqrt() * of.noise - (1 - kept).sqrt() * of.clean
    with torch.no_grad():
        assert torch.isclose(total(model, two(batch, 4, 5), noise=1.0), velocity.square().mean().float(), rtol=1e-4)


def test_attention_only_trains_the_published_part(fresh: CatVTON) -> None:
    phase = FirstPhase(1.0, ("unet.*.attn1",))
    phase.check(fresh)
    phase.begin(fresh)
    trained = sum(parameter.numel() for parameter in fresh.parameters() if parameter.requires_grad)
    assert trained == sum(tensor.numel() for tensor in attention_state(fresh.unet).values())
