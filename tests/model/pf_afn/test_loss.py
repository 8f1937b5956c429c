"""The loss is small where the network is right, by known amounts larger where it is wrong, and can be learnt from."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.flow import offset_to_grid
from vtoncompress.model.pf_afn.loss import flow_loss, structural_similarity

LEVELS = 5


def _grids(model: PFAFN, flow: Tensor) -> list[Tensor]:
    """Grids of all levels that show ``flow``: the mean of each patch of it."""
    height, width = model.size
    grids = []
    for level in range(LEVELS):
        pixels = F.interpolate(flow, size=(height >> (LEVELS - 1 - level), width >> (LEVELS - 1 - level)), mode="area")
        extent = torch.tensor([width - 1.0, height - 1.0]).view(1, 2, 1, 1)
        grids.append(pixels / extent * 2 - 1)
    return grids


def _shift(x: float, y: float) -> Tensor:
    identity = offset_to_grid(torch.zeros(1, 2, 128, 96))
    pixels = (identity + 1) / 2 * torch.tensor([95.0, 127.0]).view(1, 2, 1, 1)
    return pixels + torch.tensor([x, y]).view(1, 2, 1, 1)


def test_the_true_flow_costs_nothing(toys: dict[str, PFAFN]) -> None:
    model, flow, region = toys["official"], _shift(3, -2), torch.ones(1, 1, 128, 96)
    terms = flow_loss(model, _grids(model, flow), flow, region)
    assert terms["flow"] < 1e-4
    assert terms["roughness"] < 1e-4  # straight lines are not rough


def test_a_flow_that_is_wrong_by_pixels_costs_those_pixels_on_every_level(toys: dict[str, PFAFN]) -> None:
    model, flow, region = toys["official"], _shift(3, -2), torch.ones(1, 1, 128, 96)
    terms = flow_loss(model, _grids(model, _shift(4, -4)), flow, region)
    # |1| + |2| pixels on five levels, each over its pixels + 1.
    share = sum(n / (n + 1) for n in (128 * 96 >> 2 * level for level in range(LEVELS)))
    assert terms["flow"].item() == pytest.approx(0.05 * 3 * share, rel=1e-3)


def test_only_the_visible_garment_counts(toys: dict[str, PFAFN]) -> None:
    model, flow = toys["official"], _shift(3, -2)
    region = torch.zeros(1, 1, 128, 96)
    region[..., 32:96, 32:64] = 1
    wrong = flow.clone()
    wrong[..., 96:, :] += 50
    terms = flow_loss(model, _grids(model, wrong), flow, region)
    assert terms["flow"] < 1e-4
    assert terms["roughness"] > 0.01


def test_the_true_flow_of_generated_pairs_is_nearer_than_no_flow(
    toys: dict[str, PFAFN], batch: dict[str, Tensor]
) -> None:
    model, flow, region = toys["official"], batch["flow"], batch["region"]
    seen = torch.where(region > 0, flow, _shift(0, 0))  # the flow means nothing elsewhere
    right = flow_loss(model, _grids(model, seen), flow, region)["flow"]
    identity = flow_loss(model, _grids(model, _shift(0, 0).expand(4, -1, -1, -1)), flow, region)["flow"]
    assert right < 0.25 * identity


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


def test_every_term_is_finite_and_every_parameter_learns(toy: PFAFN, batch: dict[str, Tensor]) -> None:
    terms = toy.train().loss(batch)
    assert set(terms) == {"flow", "roughness", "warped", "image", "structure", "weight"}
    assert all(term.shape == () and torch.isfinite(term) and term > 0 for term in terms.values())
    torch.stack(list(terms.values())).sum().backward()
    idle = [name for name, parameter in toy.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert idle == []


def test_a_few_steps_on_the_same_pairs_bring_the_loss_down(toy: PFAFN, batch: dict[str, Tensor]) -> None:
    two = {name: tensor[:2] for name, tensor in batch.items()}
    optimizer = torch.optim.AdamW(toy.train().parameters(), lr=2e-3)
    losses = []
    for _ in range(6):
        loss = torch.stack(list(toy.loss(two).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
