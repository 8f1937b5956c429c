"""The try-on call: what goes in, what comes out, and what may have an influence on what."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.flow import offset_to_grid
from vtoncompress.reference import sample

CONVENTIONS = ("official", "seed")


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("samples", [1, 3])
def test_a_call_gives_pictures_and_their_flow(
    toys: dict[str, PFAFN], inputs: list[Tensor], convention: str, samples: int
) -> None:
    with torch.inference_mode():
        outputs = toys[convention](*(tensor[:samples] for tensor in inputs))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "image": (samples, 3, 128, 96),
        "flow": (samples, 2, 128, 96),
    }
    assert outputs["image"].abs().max() <= 1
    assert outputs["image"].std() > 0.05
    assert torch.isfinite(outputs["flow"]).all()


def test_a_picture_does_not_depend_on_the_rest_of_its_batch(toys: dict[str, PFAFN], inputs: list[Tensor]) -> None:
    with torch.inference_mode():
        together = toys["official"](*inputs)["image"]
        alone = toys["official"](*(tensor[2:3] for tensor in inputs))["image"]
    torch.testing.assert_close(together[2:3], alone, rtol=0, atol=1e-3)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_flow_is_exactly_what_was_sampled(toys: dict[str, PFAFN], inputs: list[Tensor], convention: str) -> None:
    """Read at the flow by NumPy, in pixels and knowing of no convention, the garment is the warped garment."""
    model = toys[convention]
    person, garment, mask = inputs
    with torch.inference_mode():
        warped, _, grids = model.warp_garment(person, garment, mask)
        flow = model(person, garment, mask)["flow"]
        assert torch.equal(flow, model.grid_to_pixels(grids[-1]))
        cut_out = garment * (mask > 0.5)
    assert (flow - _identity()).abs().mean() > 1  # this toy does move the garment
    for index in range(len(person)):
        again = sample(_last(cut_out[index]), _last(flow[index]))
        np.testing.assert_allclose(again, _last(warped[index]), rtol=0, atol=2e-4)


def test_no_offset_is_the_pixel_itself(toys: dict[str, PFAFN]) -> None:
    grid = offset_to_grid(torch.zeros(1, 2, 128, 96))
    torch.testing.assert_close(toys["official"].grid_to_pixels(grid), _identity(), rtol=0, atol=1e-4)


def test_the_garment_counts_only_inside_its_mask(toys: dict[str, PFAFN], inputs: list[Tensor]) -> None:
    person, garment, mask = inputs
    outside = mask.expand_as(garment) <= 0.5
    other = torch.where(outside, torch.rand(garment.shape, generator=torch.Generator().manual_seed(0)), garment)
    with torch.inference_mode():
        first, second = toys["official"](person, garment, mask), toys["official"](person, other, mask)
        third = toys["official"](person, garment.flip(1), mask)
    assert torch.equal(first["image"], second["image"])
    assert not torch.equal(first["image"], third["image"])


class _Constant(torch.nn.Module):
    """A generator that answers the same to everything: picture 0.3, blending weight by a logit of 1."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tensor([0.3, 0.3, 0.3, 1.0]).view(1, 4, 1, 1).expand(len(x), 4, *x.shape[-2:])


def test_where_the_warped_mask_is_0_the_warped_garment_has_no_weight(toy: PFAFN, inputs: list[Tensor]) -> None:
    toy.generator = _Constant()
    person, warped = inputs[0], inputs[1]
    mask = torch.zeros(4, 1, 128, 96)
    mask[..., 40:80, 30:60] = 1
    mask[..., 80:90, 30:60] = 0.5
    with torch.inference_mode():
        image, weight = toy.finish(person, warped, mask)
        other, _ = toy.finish(person, -warped, mask)
    outside = (mask == 0).expand_as(image)
    assert torch.equal(image[outside], other[outside])
    assert (image[outside] == torch.tanh(torch.tensor(0.3))).all()
    assert (weight[mask == 0] == 0).all()
    share = torch.sigmoid(torch.tensor(1.0))
    torch.testing.assert_close(weight[mask == 0.5], (share / 2).expand(int((mask == 0.5).sum())))
    inside = (mask == 1).expand_as(image)
    torch.testing.assert_close(image[inside], (warped * share + torch.tanh(torch.tensor(0.3)) * (1 - share))[inside])


def test_the_blend_reaches_from_the_generator_s_picture_to_the_warped_garment(
    toys: dict[str, PFAFN], inputs: list[Tensor]
) -> None:
    model = toys["official"]
    with torch.inference_mode():
        warped, warped_mask, _ = model.warp_garment(*inputs)
        image, weight = model.finish(inputs[0], warped, warped_mask)
        drawn = torch.tanh(model.generator(torch.cat([inputs[0], warped, warped_mask], 1))[:, :3])
    assert ((weight >= 0) & (weight <= warped_mask)).all()
    outside = (warped_mask == 0).expand_as(image)
    assert outside.any()
    assert torch.equal(image[outside], drawn[outside])
    low, high = torch.minimum(drawn, warped), torch.maximum(drawn, warped)
    assert ((image >= low - 1e-6) & (image <= high + 1e-6)).all()


def test_parameter_counts_of_the_published_network() -> None:
    with torch.device("meta"):
        model = PFAFN(1.0, (256, 192))
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.parts.items()}
    assert {name: round(count / 1e6, 3) for name, count in counts.items()} == {"warp": 29.304, "generator": 43.900}
    assert sum(p.numel() for p in model.parameters()) == sum(counts.values())


@pytest.mark.parametrize("width", [1 / 32, 0.25, 2])
def test_one_width_scales_all_channels(width: float) -> None:
    with torch.device("meta"):
        full, scaled = PFAFN(1.0, (64, 64)), PFAFN(width, (64, 64))
    fixed = {*scaled.output_layers()}
    for name, layer in full.named_modules():
        if isinstance(layer, torch.nn.Conv2d):
            expected = layer.out_channels if name in fixed else round(width * layer.out_channels)
            assert scaled.get_submodule(name).out_channels == expected, name


@pytest.mark.parametrize("size", [(100, 96), (128, 100), (0, 96), (16, 16), (-64, 64), (64, 32), (128,), (128, 96, 3)])
def test_sizes_that_cannot_be_halved_five_times_to_two_pixels_are_refused(size: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"model\.size=.*multiples of 32"):
        PFAFN(1 / 16, size)


@pytest.mark.parametrize("width", [0, -1, 0.01, 5, float("nan")])
def test_widths_out_of_range_are_refused(width: float) -> None:
    with pytest.raises(ValueError, match=r"width=.* out of range: use"):
        PFAFN(width, (64, 64))


def test_an_unknown_convention_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown convention 'other': choose one of official, seed"):
        PFAFN(1 / 16, (64, 64), "other")


def _identity() -> Tensor:
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(96.0), indexing="ij")
    return torch.stack([x, y])[None]


def _last(tensor: Tensor) -> np.ndarray:
    return tensor.permute(1, 2, 0).numpy()
