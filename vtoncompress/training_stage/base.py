"""What the four stages share: a network that begins somewhere, an objective, and the one training loop."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset

from vtoncompress import checkpoint
from vtoncompress.data.viton_training import VitonTraining
from vtoncompress.finetuning.batch_norm import average_statistics
from vtoncompress.finetuning.examples import TrainingExamples
from vtoncompress.finetuning.first_phase import FirstPhase
from vtoncompress.finetuning.loop import TrainingLoop
from vtoncompress.finetuning.objective import Objective
from vtoncompress.finetuning.own_loss import OwnLoss
from vtoncompress.finetuning.processes import train_in_processes
from vtoncompress.finetuning.schedule import Schedule
from vtoncompress.finetuning.weights import check_names
from vtoncompress.model.base import Network
from vtoncompress.model.pf_afn.loss import weighted_terms
from vtoncompress.model.pf_afn.parser_based import ParserBased
from vtoncompress.model.trace import Trace

WARP_TERMS = (
    "multi_level_warped", "multi_level_mask", "perceptual_warped", "second_order", "total_variation", "roughness",
    "warped",
)  # fmt: skip
RESULT_TERMS = ("result", "perceptual_result", "structure", "weight")
"""Of :data:`vtoncompress.model.pf_afn.loss.TERMS` those that photos allow, whose true flow nobody knows."""


class TrainingStage(ABC):
    """One of the four stages.

    Args:
        start: checkpoint folder of the network that is trained further; None for a new one.
        teacher: checkpoint folder of the trained parser-based network, for a student.
        distillation: for a student, ``weight`` of what its teacher knows, 0 for one that is only shown the teacher's
            pictures, and within it those of ``flow`` and ``features``.
        end_to_end: train warp network and generator; otherwise the warp network alone, and its garment is the result.
        seed: of the order of the examples.
        loss, perceptual: see :class:`vtoncompress.finetuning.own_loss.OwnLoss`.
        schedule, warmup, decay: see :class:`vtoncompress.finetuning.schedule.Schedule`.
        others: see :class:`vtoncompress.finetuning.loop.TrainingLoop`.

    Raises:
        ValueError: an option out of range.
    """

    def __init__(
        self,
        start: str | None,
        teacher: str | None,
        distillation: Mapping[str, Any],
        end_to_end: bool,
        seed: int,
        loss: Mapping[str, Any],
        perceptual: Mapping[str, Any],
        samples: int,
        batch_size: int,
        learning_rate: float,
        schedule: str,
        warmup: int,
        decay: float,
        clip: float,
        mixed_precision: str,
        workers: int,
        checkpoint_every: int,
        batch_norm_samples: int,
        accumulation: int,
        processes: int,
        tracker: str | None,
    ) -> None:
        self.start, self.teacher, self.end_to_end, self.seed = start, teacher, end_to_end, seed
        self.distillation = _distillation(distillation)
        self.loss = OwnLoss(loss, perceptual)
        check_names("finetuning.loss", self.loss.weights, WARP_TERMS + (RESULT_TERMS if end_to_end else ()))
        self.loop = TrainingLoop(
            samples=samples,
            batch_size=batch_size,
            learning_rate=learning_rate,
            schedule=Schedule(schedule, warmup, decay),
            first_phase=FirstPhase(0.0, ()) if end_to_end else FirstPhase(1.0, ("warp",)),
            clip=clip,
            mixed_precision=mixed_precision,
            workers=workers,
            checkpoint_every=checkpoint_every,
            batch_norm_pairs=batch_norm_samples,
            accumulation=accumulation,
            processes=processes,
            tracker=tracker,
        )

    @abstractmethod
    def network(self, width: float, size: Sequence[int], convention: str, correlation: str) -> Network:
        """A new one, for a stage that begins with none."""

    @abstractmethod
    def objective(self, model: Network, teacher: ParserBased | None) -> StageObjective:
        """What the stage minimises."""

    def begin(self, width: float, size: Sequence[int], convention: str, correlation: str = "fastest") -> Network:
        """The network as it is before the stage.

        Raises:
            ValueError: ``start`` is no checkpoint, or one of another network.
        """
        network = self.network(width, size, convention, correlation)
        return network if self.start is None else open_network(self.start, network)

    def train(
        self, model: Network, data: VitonTraining, folder: Path, teacher: ParserBased | None = None
    ) -> dict[str, Any]:
        """Train ``model`` in place, as :meth:`vtoncompress.finetuning.base.Finetuning.train`."""
        if self.loop.starts_processes():
            return train_in_processes(self, self.loop.processes, model, data, folder, teacher)
        objective = self.objective(model, teacher)
        objective.settings["examples"] = data.description()
        return self.loop.run(objective, data, folder)


class StageObjective(Objective):
    """A stage's loss on a batch of :class:`vtoncompress.finetuning.examples.TrainingExamples`.

    Args:
        model: what is trained.
        stage: its options.
    """

    def __init__(self, model: Network, stage: TrainingStage) -> None:
        super().__init__()
        self.model = model
        self.seed, self.end_to_end = stage.seed, stage.end_to_end
        self.perceptual, self.weights = stage.loss.distance(), stage.loss.weights
        self.record = {} if self.perceptual is None else {"perceptual": self.perceptual.origin}
        self.settings = {"seed": self.seed, "end_to_end": self.end_to_end, "loss": self.weights, **self.record}

    def samples(self, data: Any, start: int, stop: int) -> Dataset[dict[str, Tensor]]:
        """In the stage's order, each with a second garment."""
        return TrainingExamples(data, start, stop, self.seed)

    def trained(self) -> nn.Module:
        """The part of the model that learns."""
        return self.model if self.end_to_end else self.model.get_submodule("warp")

    def reestimate(self, data: Any, count: int) -> None:
        """Of the part that learns, with the first examples."""
        height, width = self.model.arguments()["size"]
        average_statistics(self.trained(), self.call, self.samples(data, 0, count), (height, width))

    @abstractmethod
    def call(self, batch: Mapping[str, Tensor]) -> Trace:
        """The model's call on a batch; a warp's trace where it is not trained end to end."""

    def own_terms(self, trace: Trace, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What of the loss looks at the data alone: the person is to be given back as it is."""
        truth = {"truth": batch["person"], "region": batch["region"]}
        return weighted_terms(trace, truth, self.weights, self.perceptual)


def _distillation(weights: Mapping[str, Any]) -> dict[str, float]:
    """As plain numbers; ValueError for anything but numbers of 0 or more."""
    known = {"weight", "flow", "features"}
    if {*weights} != known:
        raise ValueError(f"finetuning.distillation has {', '.join(weights)}: give weight, flow and features")
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ValueError(f"finetuning.distillation.{name}={weight}: give a number of 0 (nothing) or more")
    return {name: float(weight) for name, weight in weights.items()}


def open_network(folder: str, like: Network) -> Network:
    """The checkpoint in ``folder``, which must be a network of the class and with the arguments of ``like``."""
    network = checkpoint.load_network(Path(folder))
    if (type(network), network.arguments()) != (type(like), like.arguments()):
        raise ValueError(
            f"{folder} is a {type(network).__name__} with {network.arguments()}, but a {type(like).__name__} with "
            f"{like.arguments()} is needed: give another checkpoint, or change model.network"
        )
    return network
