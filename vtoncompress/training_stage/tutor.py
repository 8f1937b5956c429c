"""What a trained parser-based network gives to a student: pictures to learn on, and what it sees itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vtoncompress.model.pf_afn.parser_based import ParserBased
from vtoncompress.model.pf_afn.representation import represent
from vtoncompress.model.trace import Trace


class Tutor(nn.Module):
    """The teacher, frozen: in evaluation mode whatever mode its owner is put into, and without gradients.

    Args:
        teacher: trained end to end.
    """

    def __init__(self, teacher: ParserBased) -> None:
        super().__init__()
        self.teacher = teacher.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Tutor:
        """Stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def picture(self, batch: Mapping[str, Tensor]) -> Tensor:
        """The person in the other garment (N, 3, H, W): what a student is shown in place of the person."""
        image: Tensor = self._call(batch, batch["other_garment"], batch["other_garment_mask"]).image
        return image

    @torch.no_grad()
    def lesson(self, batch: Mapping[str, Tensor]) -> Trace:
        """The person in its own garment: the teacher does what the student shall learn, and knows more of the body."""
        return self._call(batch, batch["garment"], batch["garment_mask"])

    def _call(self, batch: Mapping[str, Tensor], garment: Tensor, garment_mask: Tensor) -> Trace:
        representation = represent(batch["joints"], batch["parts"], batch["kept"])
        trace: Trace = self.teacher(batch["person"], representation, garment, garment_mask)
        return trace
