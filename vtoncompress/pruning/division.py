"""Channels that can't go one by one: heads of attention, halves that are multiplied, groups that are normalised."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CHANNELS, HEADS, HEAD_WIDTHS, HALVES, NORM_GROUPS = "channels", "heads", "head_widths", "halves", "norm_groups"
ATTENTION = (HEADS, HEAD_WIDTHS)
"""What attention may lose: whole heads, or as many channels of every head."""


@dataclass(frozen=True)
class Division:
    """How the channels of a group of tied layers are divided, and what goes together, a unit.

    ``channels``: each by itself. ``heads``: a section whole. ``halves``: channel i of both, for they are multiplied.
    ``head_widths`` and ``norm_groups``: one channel of every section, of each the one that matters least, so that
    sections stay equal and each channel stays in its own.

    Attributes:
        kind: one of these.
        sections: of equal width, one after another, that the channels lie in.
    """

    kind: str = CHANNELS
    sections: int = 1

    def units(self, channels: int) -> int:
        """How many there are."""
        return self.sections if self.kind == HEADS else channels // self.sections

    def size(self, channels: int) -> int:
        """Channels by which a width that may be rounded falls with a unit.

        That of a gated layer is one half's, that of heads the width of each.
        """
        if self.kind == HEADS:
            return channels // self.sections
        return self.sections if self.kind == NORM_GROUPS else 1

    def unite(self, importance: Tensor) -> tuple[Tensor, Tensor]:
        """Importance of units (units,), the mean of their channels', and these channels (units, channels of each).

        Args:
            importance: of the channels, (channels,).
        """
        sections = importance.view(self.sections, -1)
        channels = torch.arange(len(importance), device=importance.device).view_as(sections)
        if self.kind == HEADS:
            return sections.mean(1), channels
        if self.kind in (HEAD_WIDTHS, NORM_GROUPS):
            order = sections.argsort(dim=1, stable=True)
            sections, channels = sections.gather(1, order), channels.gather(1, order)
        return sections.mean(0), channels.T


UNDIVIDED = Division()
