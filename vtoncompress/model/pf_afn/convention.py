"""The two numeric conventions under which PF-AFN checkpoints exist; a checkpoint only works under its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Convention:
    """How correlation is scaled and what the corners of a sampling grid mean.

    Attributes:
        mean_correlation: divide the correlation by the number of channels.
        align_corners: ``grid_sample``'s option: -1 and 1 are the centres (True) or the edges (False) of the
            outermost pixels.
    """

    mean_correlation: bool
    align_corners: bool


CONVENTIONS = {
    # PF-AFN's CUDA kernel averages over channels; PyTorch 1.1, which it was trained with, only knew aligned corners.
    "official": Convention(mean_correlation=True, align_corners=True),
    # The compression project whose tables are reproduced here ran the same weights' layout under today's defaults.
    "seed": Convention(mean_correlation=False, align_corners=False),
}


def find_convention(name: str) -> Convention:
    """The convention called ``name``; ValueError names the ones there are."""
    if name not in CONVENTIONS:
        raise ValueError(f"unknown convention {name!r}: choose one of {', '.join(CONVENTIONS)}")
    return CONVENTIONS[name]
