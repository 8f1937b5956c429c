"""Channels taken where they buy most time, by what convolutions of each width take on this machine.

After Shen et al., "Structural Pruning via Latency-Saliency Knapsack", NeurIPS 2022: there a knapsack is solved, here
blocks of channels go one by one, that first which saves most time for what its channels matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from vtoncompress.criterion.base import Criterion
from vtoncompress.data.base import TryOnData
from vtoncompress.latency.costs import Costs
from vtoncompress.latency.geometry import PRECISIONS
from vtoncompress.latency.lookup import REMEDY, Lookup, read_lookup
from vtoncompress.model.base import TryOnModel
from vtoncompress.pruning.base import Pruning, Recovery
from vtoncompress.pruning.groups import Group, find_groups, trace
from vtoncompress.pruning.ratio import Ratios, flatten
from vtoncompress.sensitivity.losses import Losses

LEAST = 1e-12


class LatencyAware(Pruning):
    """One-shot.

    Args:
        ratio: share to save of the time of all convolutions that get narrower in some dimension, 0..1.
        lookup: file of what they take, from experiments/measure_latency.py; null has the pipeline measure it.
        lookup_channels, lookup_sides: how many times as wide the network is that ``lookup`` was measured of, and how
            many times as long its pictures' sides: layers then lose the shares that they would lose there. For scopes
            of the whole network: what is not pruned counts with its own channels.
        precision: that is measured there, ``int8`` or ``f32``.
        sensitivity: ``sensitivity.csv`` of experiments/sensitivity.py, of a network with these groups at any width:
            then a group's channels are worth what it says, and the criterion only tells which of them go. Without it
            they are worth the criterion's scores, whose mean is 1 in every group, so that time alone decides how many.
        ratios: submodule -> 0, which keeps its layers.
        max_ratio: largest share of its channels that a group may lose, 0..1.
        round_to: channels go in blocks that leave multiples of this; groups not wider than it stay whole.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(
        self,
        ratio: float,
        lookup: str | None = None,
        lookup_channels: float = 1,
        lookup_sides: int = 1,
        precision: str = "int8",
        sensitivity: str | None = None,
        ratios: Mapping[str, Any] | None = None,
        max_ratio: float = 1.0,
        round_to: int | None = 16,
        **_: Any,
    ) -> None:
        self.ratios = Ratios(ratio, flatten(ratios))
        if any(self.ratios.parts.values()):
            raise ValueError("pruning=latency has one share of time for all: pruning.ratios can only keep parts, by 0")
        if not 0 < max_ratio <= 1:
            raise ValueError(f"pruning.max_ratio={max_ratio}: use more than 0, to 1 (no cap)")
        if round_to is None or round_to < 1:
            raise ValueError(
                f"pruning.round_to={round_to}: pruning=latency takes blocks of so many channels, such as 16"
            )
        if precision not in PRECISIONS:
            raise ValueError(f"pruning.precision={precision}: choose one of {', '.join(PRECISIONS)}")
        for name, value in (("lookup_channels", lookup_channels), ("lookup_sides", lookup_sides)):
            if not value > 0:
                raise ValueError(f"pruning.{name}={value}: use more than 0; 1 is this very network")
        self.lookup, self.precision = lookup, precision
        self.max_ratio, self.round_to = max_ratio, round_to
        self.sensitivity = sensitivity
        self.lookup_channels, self.lookup_sides = lookup_channels, lookup_sides

    def check(self, model: TryOnModel, scope: Sequence[str]) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.check`."""
        if model.heads():
            raise ValueError(
                f"pruning=latency knows what convolutions take, and {type(model).__name__} has attention beside them: "
                "use pruning=one_shot"
            )
        self.ratios.check(model, scope)
        if self.lookup is not None:
            self._open()
        if self.sensitivity is not None:
            losses = Losses.read(Path(self.sensitivity))
            if next(model.parameters()).is_meta:  # where it takes no time; pruning checks others
                losses.check(find_groups(model, scope))

    def prune(
        self,
        model: TryOnModel,
        scope: Sequence[str],
        criterion: Criterion,
        data: TryOnData | None = None,
        folder: Path | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        """See :meth:`vtoncompress.pruning.base.Pruning.prune`."""
        self.check(model, scope)
        training = model.training
        model.eval()
        graph = trace(model)
        groups = find_groups(model, scope, graph)
        criterion.prepare(model, groups, data, folder)
        importance = criterion.importance(model, data)
        mattering = [importance(group.tied) for group in groups]
        costs = Costs(model, groups, graph, self._open(), self.lookup_channels, self.lookup_sides)
        kept = self._kept(groups, self._worth(groups, mattering), costs)
        for group, scores, count in zip(groups, mattering, kept, strict=True):
            gone = torch.topk(scores, group.channels - count, largest=False).indices
            if len(gone):
                root = group.tied[0].dep
                graph.get_pruning_group(root.target.module, root.handler, sorted(gone.tolist())).prune()
        model.zero_grad(set_to_none=True)
        model.train(training)
        with torch.inference_mode():
            model(*model.example_inputs())

    def _open(self) -> Lookup:
        if self.lookup is None:
            raise ValueError(f"pruning.lookup=null: pruning=latency needs a file of latencies, {REMEDY}")
        lookup = read_lookup(Path(self.lookup))
        if (measured := lookup.protocol.get("precision")) != self.precision:
            raise ValueError(
                f"pruning.lookup={self.lookup} was measured in {measured}, and pruning.precision={self.precision}: use "
                "the file of that precision"
            )
        return lookup

    def _worth(self, groups: Sequence[Group], mattering: Sequence[torch.Tensor]) -> list[list[float]]:
        """Of each group's channels, rising."""
        if self.sensitivity is None:
            return [scores.sort().values.tolist() for scores in mattering]
        losses = Losses.read(Path(self.sensitivity))
        losses.check(groups)
        return [losses.prices(group) for group in groups]

    def _kept(self, groups: Sequence[Group], worth: Sequence[Sequence[float]], costs: Costs) -> list[int]:
        shares = [self.max_ratio if self.ratios.least(group.members) else 0.0 for group in groups]
        floors = [group.channels * (1 - share) for group, share in zip(groups, shares, strict=True)]
        return widths_in_time(worth, floors, self.ratios.common, self.round_to, costs)


def widths_in_time(
    importance: Sequence[Sequence[float]], floors: Sequence[float], share: float, multiple: int, costs: Costs
) -> list[int]:
    """Channels that each group keeps.

    Args:
        importance: of each group's channels, rising.
        floors: channels that each keeps at least.
        share: of the time that is to be saved, 0..1.
        multiple: of channels, in which blocks go.
        costs: of the groups, in order.

    Raises:
        ValueError: so much time can't be saved.
    """
    kept = [len(channels) for channels in importance]
    now = dense_ms = costs.whole_ms(kept)

    def block(place: int) -> int:
        count = (kept[place] - 1) % multiple + 1
        return count if kept[place] - count >= max(multiple, floors[place]) else 0

    def worth(place: int) -> float:
        if not (count := block(place)):
            return 0.0
        gone = len(importance[place]) - kept[place]
        return costs.saved_ms(kept, place, count) / max(LEAST, sum(importance[place][gone : gone + count]))

    worths = [worth(place) for place in range(len(kept))]
    while now > (1 - share) * dense_ms:
        best = max(range(len(kept)), key=worths.__getitem__, default=None)
        if best is None or worths[best] <= 0:
            raise ValueError(
                f"pruning.ratio={share:g}: {1 - now / dense_ms:.2f} of the time can be saved here: use less, or a "
                "larger pruning.max_ratio or scope"
            )
        count = block(best)
        now -= costs.saved_ms(kept, best, count)
        kept[best] -= count
        for place in costs.neighbours(best):
            worths[place] = worth(place)
    return kept
