"""Sampling by gathers is grid_sample, in value and gradient."""

from __future__ import annotations

import pytest
import torch

from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.model.pf_afn.flow import GridSample
from vtoncompress.model.pf_afn.sampling import gathered_sample


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("shape, grid", [((1, 16, 7, 5), (7, 5)), ((2, 3, 4, 9), (8, 18)), ((1, 2, 1, 2), (3, 3))])
def test_it_is_grid_sample_within_and_beyond_the_picture(
    shape: tuple[int, ...], grid: tuple[int, int], align_corners: bool
) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(shape, generator=generator).requires_grad_()
    places = (3 * torch.rand((shape[0], 2, *grid), generator=generator) - 1.5).requires_grad_()
    with torch.no_grad():
        places[0, :, 0, 0], places[0, :, 0, 1] = 1, -1  # the very corners
    found, expected = gathered_sample(image, places, align_corners), GridSample(align_corners)(image, places)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn(expected.shape, generator=generator)
    of_image, of_places = torch.autograd.grad((found * weights).sum(), (image, places))
    wanted_of_image, wanted_of_places = torch.autograd.grad((expected * weights).sum(), (image, places))
    torch.testing.assert_close(of_image, wanted_of_image, rtol=1e-4, atol=1e-4)
    inner = slice(1, None)  # in the corners themselves there are two
    torch.testing.assert_close(of_places[..., inner, :], wanted_of_places[..., inner, :], rtol=1e-4, atol=1e-4)


def test_a_graph_has_it_for_features_and_its_record_says_so() -> None:
    sample, grid = GridSample(True), torch.zeros(1, 2, 3, 3)
    for channels, form in ((16, "aten::index_select"), (3, "aten::grid_sampler")):
        graph = torch.jit.trace(sample, (torch.ones(1, channels, 3, 3), grid), check_trace=False).inlined_graph
        assert form in str(graph)
    assert PFAFN(1 / 16, (64, 64)).forms(graph=True)["sampling"] == "gathered"
    assert PFAFN(1 / 32, (64, 64)).forms(graph=True)["sampling"] == "grid_sample"
    assert PFAFN(1 / 16, (64, 64)).forms(graph=False)["sampling"] == "grid_sample"
