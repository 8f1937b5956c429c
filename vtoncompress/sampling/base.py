"""What a sampler is: the way from noise to latents by a network that predicts noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vtoncompress.sampling.noise import LARGEST_SEED, Noise
from vtoncompress.sampling.noise_schedule import NoiseSchedule
from vtoncompress.sampling.plan import Step, check_merging, check_reuse, check_window, planned
from vtoncompress.sampling.spacing import SPACINGS

Array = NDArray[np.float32]
Predict = Callable[[Array, int], Array]
"""Noisy latents and their timestep -> the noise in them, guided."""


@dataclass(frozen=True, kw_only=True)
class Sampling(ABC):
    """Options that every sampler has; they are part of a deployed network.

    Args:
        steps: calls of the network, 1 or more.
        guidance: how far the result is pushed from the garment left out to the garment shown, 0 or more; 1 does not
            push and halves the cost.
        eta: share of a step's variance that is drawn anew, 0..1, of samplers that can; 0 is deterministic.
        guidance_window: (first, last), shares of the steps within which guidance pushes; outside of it the network is
            called once a step, with the garment.
        reuse: the network's deep layers run in every so many steps, and their features are kept for those between; 1
            runs them in each.
        reuse_layers: layers at the end of the network that run in every step, 1 or more.
        merging: share of its tokens that self-attention merges where there are the most of them, 0 to 0.75.
        spacing: where the timesteps lie, see :mod:`vtoncompress.sampling.spacing`.
        seed: of the noise of every picture whose caller gives none.
        repaint: whether the person outside the mask is laid over the result, so that it stays as it is in every pixel.

    Attributes:
        leaps: whether each step goes to the end, for networks that were trained to.

    Raises:
        ValueError: an option out of range.
    """

    leaps: ClassVar[bool] = False

    steps: int = 50
    guidance: float = 2.5
    guidance_window: Sequence[float] = (0.0, 1.0)
    reuse: int = 1
    reuse_layers: int = 1
    merging: float = 0.0
    eta: float = 0.0
    spacing: str = "leading"
    seed: int = 0
    repaint: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"sampling.steps={self.steps}: use 1 or more")
        if self.guidance < 0:
            raise ValueError(f"sampling.guidance={self.guidance}: use 0 or more; 1 is no guidance")
        check_window(self.guidance_window, self.guidance, self.steps)
        check_reuse(self.reuse, self.reuse_layers, self.plan())
        check_merging(self.merging)
        if not 0 <= self.eta <= 1:
            raise ValueError(f"sampling.eta={self.eta}: use 0 (deterministic) to 1")
        if self.spacing not in SPACINGS:
            raise ValueError(f"sampling.spacing={self.spacing}: choose one of {', '.join(SPACINGS)}")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"sampling.seed={self.seed}: choose 0 to {LARGEST_SEED}")

    def arguments(self) -> dict[str, Any]:
        """What its class must be called with to make it again, as JSON values."""
        return {**asdict(self), "guidance_window": [float(share) for share in self.guidance_window]}

    def told(self) -> dict[str, Any]:
        """For records."""
        return {"sampler": type(self).__name__, **self.arguments()}

    def plain(self) -> Self:
        """The same sampler, every step guided by all of the network: what the dense network's pictures are made by."""
        return replace(self, guidance_window=(0.0, 1.0), reuse=1, merging=0.0)

    def plan(self) -> list[Step]:
        """What each step takes, in order."""
        return planned(self.steps, self.guidance, self.guidance_window, self.reuse)

    @property
    def pictures(self) -> int:
        """That a call of the network shows at once: both guidance halves, 2, where all steps are guided; else 1."""
        return 2 if all(step.guided for step in self.plan()) else 1

    def calls(self) -> dict[bool, int]:
        """How often an image calls the network with :attr:`pictures` at once: all of it, and its outer layers alone."""
        found = {True: 0, False: 0}
        for step in self.plan():
            found[step.deep] += 2 // self.pictures if step.guided else 1
        return found

    @abstractmethod
    def timesteps(self, schedule: NoiseSchedule) -> list[int]:
        """Those at which the network is called, the noisiest first.

        Raises:
            ValueError: more steps than the schedule has timesteps.
        """

    @abstractmethod
    def solve(self, schedule: NoiseSchedule, latents: Array, predict: Predict, noise: Noise) -> Array:
        """Latents without noise, of the shape of ``latents``, which are normal noise; more of it comes from ``noise``.

        ``predict`` is called once for each of :meth:`timesteps`.
        """
