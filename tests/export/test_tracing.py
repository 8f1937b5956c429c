"""What tracers get computes what the network computes."""

from __future__ import annotations

import torch

from tests.export.conftest import pictures
from vtoncompress.export.tracing import example_inputs, fold_batch_norms
from vtoncompress.model.pf_afn import PFAFN


def test_folded_batch_norms_give_the_same_picture(model: PFAFN) -> None:
    folded = fold_batch_norms(model)
    assert sum(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules()) < sum(
        isinstance(module, torch.nn.BatchNorm2d) for module in model.modules()
    )
    tensors = {name: torch.from_numpy(value) for name, value in pictures(1)[0].items()}
    with torch.inference_mode():
        torch.testing.assert_close(folded(**tensors)["image"], model(**tensors)["image"], rtol=0, atol=1e-4)


def test_example_inputs_fit_the_network(model: PFAFN) -> None:
    shapes = {name: tuple(value.shape) for name, value in example_inputs(model).items()}
    assert shapes == {"person": (1, 3, 96, 64), "garment": (1, 3, 96, 64), "garment_mask": (1, 1, 96, 64)}
