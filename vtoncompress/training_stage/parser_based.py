"""Stages 1 and 2: the teacher, which knows pose, body and parsing, dresses people in the garments that they wear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from vtoncompress.model.base import Network
from vtoncompress.model.pf_afn.parser_based import ParserBased
from vtoncompress.model.pf_afn.representation import represent
from vtoncompress.model.pf_afn.warped import trace_warp
from vtoncompress.model.trace import Trace
from vtoncompress.training_stage.base import StageObjective, TrainingStage


class ParserBasedStage(TrainingStage):
    """Its options are those of :class:`TrainingStage`; it has no teacher."""

    def network(self, width: float, size: Sequence[int], convention: str, correlation: str) -> ParserBased:
        return ParserBased(width, size, convention, correlation)

    def objective(self, model: Network, teacher: ParserBased | None) -> StageObjective:
        return _Reconstruction(model, self)


class _Reconstruction(StageObjective):
    """The person's picture from its representation and the in-shop garment."""

    model: ParserBased

    def call(self, batch: Mapping[str, Tensor]) -> Trace:
        representation = represent(batch["joints"], batch["parts"], batch["kept"])
        if not self.end_to_end:
            return trace_warp(self.model, representation, batch["garment"], batch["garment_mask"])
        trace: Trace = self.model(batch["person"], representation, batch["garment"], batch["garment_mask"])
        return trace

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self.own_terms(self.call(batch), batch)
