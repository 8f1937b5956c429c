"""The loss is small where the network is right, by known amounts larger where it is wrong, and can be learnt from."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.conftest import PAPER, TRUTH, loss_of, loss_weights
from vtoncompress.model.perceptual import PerceptualDistance
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.flow import offset_to_grid
from vtoncompress.model.pf_afn.loss import flow_distance, roughness, structural_similarity
from vtoncompress.model.pf_afn.multi_level import warp_levels

LEVELS = 5


def _levels(flow: Tensor) -> list[Tensor]:
    """Flows of all levels that show ``flow``: the mean of each patch of it."""
    height, width = flow.shape[-2:]
    sizes = [(height >> level, width >> level) for level in reversed(range(LEVELS))]
    return [F.interpolate(flow, size=size, mode="area") for size in sizes]


def _shift(x: float, y: float) -> Tensor:
    identity = offset_to_grid(torch.zeros(1, 2, 128, 96))
    pixels = (identity + 1) / 2 * torch.tensor([95.0, 127.0]).view(1, 2, 1, 1)
    return pixels + torch.tensor([x, y]).view(1, 2, 1, 1)


def test_the_true_flow_costs_nothing() -> None:
    flow, region = _shift(3, -2), torch.ones(1, 1, 128, 96)
    assert flow_distance(_levels(flow), flow, region) < 2e-3
    assert roughness(_levels(flow)) < 1e-2  # straight lines are not rough


def test_a_flow_that_is_wrong_by_pixels_costs_those_pixels_on_every_level() -> None:
    flow, region = _shift(3, -2), torch.ones(1, 1, 128, 96)
    # |1| + |2| pixels on five levels, each over its pixels + 1.
    share = sum(n / (n + 1) for n in (128 * 96 >> 2 * level for level in range(LEVELS)))
    assert flow_distance(_levels(_shift(4, -4)), flow, region).item() == pytest.approx(3 * share, rel=1e-3)


def test_only_the_visible_garment_counts() -> None:
    flow = _shift(3, -2)
    region = torch.zeros(1, 1, 128, 96)
    region[..., 32:96, 32:64] = 1
    wrong = flow.clone()
    wrong[..., 96:, :] += 50
    assert flow_distance(_levels(wrong), flow, region) < 2e-3
    assert roughness(_levels(wrong)) > 1


def test_the_true_flow_of_generated_pairs_is_nearer_than_no_flow(batch: dict[str, Tensor]) -> None:
    flow, region = batch["flow"], batch["region"]
    seen = torch.where(region > 0, flow, _shift(0, 0))  # the flow means nothing elsewhere
    identity = flow_distance(_levels(_shift(0, 0).expand(4, -1, -1, -1)), flow, region)
    assert flow_distance(_levels(seen), flow, region) < 0.25 * identity


def test_a_perfect_picture_has_no_structure_loss(batch: dict[str, Tensor]) -> None:
    truth = batch["truth"]
    same = structural_similarity(truth, truth)
    assert same.shape == (4, 3, 122, 90)
    torch.testing.assert_close(same, torch.ones_like(same), rtol=0, atol=1e-4)
    assert structural_similarity(truth, batch["person"]).mean() < 0.95


def test_structural_similarity_is_its_definition_in_every_window(batch: dict[str, Tensor]) -> None:
    first, second = (batch[name][:1, :1].double() for name in ("truth", "person"))
    ours = structural_similarity(first, second)
    for row, column in ((0, 0), (60, 45), (121, 89)):
        x, y = (picture[0, 0, row : row + 7, column : column + 7] for picture in (first, second))
        covariance = ((x - x.mean()) * (y - y.mean())).mean()
        luminance = (2 * x.mean() * y.mean() + 0.02**2) / (x.mean() ** 2 + y.mean() ** 2 + 0.02**2)
        contrast = (2 * covariance + 0.06**2) / (x.var(correction=0) + y.var(correction=0) + 0.06**2)
        assert ours[0, 0, row, column].item() == pytest.approx((luminance * contrast).item(), abs=1e-9)


@pytest.mark.parametrize("weights", [TRUTH, PAPER], ids=["truth", "paper"])
def test_every_term_is_finite_and_every_parameter_learns(
    toy: PFAFN, batch: dict[str, Tensor], weights: dict[str, float]
) -> None:
    trace = toy.train().trace(batch["person"], batch["garment"], batch["garment_mask"])
    terms = toy.loss(trace, batch, weights, PerceptualDistance("shipped"))
    assert set(terms) == {name for name, weight in weights.items() if weight}
    assert all(term.shape == () and torch.isfinite(term) and term > 0 for term in terms.values())
    torch.stack(list(terms.values())).sum().backward()
    idle = [name for name, parameter in toy.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert idle == []


def test_a_weight_scales_its_term_and_none_leaves_it_out(toys: dict[str, PFAFN], batch: dict[str, Tensor]) -> None:
    with torch.no_grad():
        once, thrice = (loss_of(toys["official"], batch, {"image": w, "flow": 0.0}) for w in (1.0, 3.0))
    assert set(once) == set(thrice) == {"image"}
    assert thrice["image"].item() == pytest.approx(3 * once["image"].item())


def test_training_sees_the_picture_of_the_try_on_call(toys: dict[str, PFAFN], inputs: list[Tensor]) -> None:
    for model in toys.values():
        with torch.no_grad():
            trace, call = model.trace(*inputs), model(*inputs)
        torch.testing.assert_close(trace.image, call["image"], rtol=0, atol=1e-5)
        torch.testing.assert_close(trace.flows[-1], call["flow"], rtol=0, atol=1e-3)
        assert [flow.shape[-2] for flow in trace.flows] == [8, 16, 32, 64, 128]
        assert len(trace.features) == 2 * LEVELS
        # The finest level is the warp itself.
        warped = warp_levels(trace.inner["garment"], trace.flows)[-1]
        torch.testing.assert_close(warped, trace.inner["warped"], rtol=0, atol=1e-3)


def test_every_choice_of_weights_names_the_terms_that_there_are() -> None:
    for choice in ("truth", "paper"):
        assert tuple(loss_weights(choice)) == PFAFN.loss_terms


def test_a_few_steps_on_the_same_pairs_bring_the_loss_down(toy: PFAFN, batch: dict[str, Tensor]) -> None:
    two = {name: tensor[:2] for name, tensor in batch.items()}
    optimizer = torch.optim.AdamW(toy.train().parameters(), lr=2e-3)
    losses = []
    for _ in range(6):
        loss = torch.stack(list(loss_of(toy, two).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
