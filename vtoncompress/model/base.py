"""The abstract try-on model: what every stage after it may rely on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from vtoncompress.model.trace import Trace
from vtoncompress.model.training_latents import TrainingLatents

if TYPE_CHECKING:
    from vtoncompress.sampling.base import Sampling
    from vtoncompress.sampling.denoising import Networks
    from vtoncompress.sampling.noise_schedule import NoiseSchedule


class Network(nn.Module, ABC):
    """A network that a checkpoint can hold."""

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """What its class must be called with to build it before pruning, as JSON values."""

    def form(self) -> dict[str, Any]:
        """What pruning changed that neither :meth:`arguments` nor the shapes of the weights tell, as JSON values."""
        return {}

    def take_form(self, form: Mapping[str, Any]) -> None:
        """Become, before weights are loaded, what another of the same arguments told by :meth:`form`.

        Raises:
            LookupError: there is no such layer.
        """
        if form:
            raise LookupError(f"{type(self).__name__} has no {', '.join(form)}")

    def refit(self) -> None:
        """Set what layers say of their widths beside their weights, after these have changed."""


@dataclass(frozen=True)
class Graph:
    """A network as a runtime gets it: what it computes, from what, and under which names.

    Attributes:
        module: called with ``example`` by name.
        example: inputs of the right shapes.
        outputs: names of what it returns, in order.
        calls: how often one try-on call runs it on inputs of these shapes.
        free: input -> axes whose size may differ from the example's, where that is asked for.
    """

    module: nn.Module
    example: dict[str, Tensor]
    outputs: list[str]
    calls: int = 1
    free: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def shape(self, name: str, dynamic: bool) -> list[int]:
        """Of an input; -1 for axes that are ``free``, if it is to be ``dynamic``."""
        free = self.free.get(name, ()) if dynamic else ()
        return [-1 if axis in free else side for axis, side in enumerate(self.example[name].shape)]


class TryOnModel(Network):
    """A network that puts a garment on a person.

    Attributes:
        inputs: channels of each argument of :meth:`forward` by its name, in order.
        size: (height, width) of all pictures, in pixels.
        parts: its separately compressible networks by the name scopes use, for example ``warp`` and ``generator``.
        loss_terms: names of what :meth:`losses` can compute. Those that begin with ``perceptual``, and no others, look
            through the perceptual distance.
        execution: the arguments that say how it computes and not what, as attributes that may be set: a checkpoint
            does not bind them.
    """

    inputs: ClassVar[Mapping[str, int]]
    size: tuple[int, int]
    loss_terms: ClassVar[tuple[str, ...]]
    execution: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def parts(self) -> dict[str, nn.Module]:
        """Networks by name, in the order the data meets them."""

    @abstractmethod
    def forward(self, *inputs: Any, **named: Any) -> dict[str, Tensor]:
        """One try-on call.

        Args:
            inputs, named: those that :attr:`inputs` names: pictures (N, 3, H, W) in -1..1, masks (N, 1, H, W) in 0..1.

        Returns:
            ``image`` (N, 3, H, W) in -1..1, and whatever else this model can show; a model that warps gives ``flow``
            (N, 2, H, W): the (x, y) in ``garment``, in pixels, that each pixel of ``image`` would show.
        """

    @abstractmethod
    def losses(
        self,
        batch: Mapping[str, Tensor],
        weights: Mapping[str, float],
        perceptual: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Scalars to add up and minimise, by name.

        Args:
            batch: the arguments of :meth:`forward` and the truth: ``truth`` (N, 3, H, W) in -1..1, ``region``
                (N, 1, H, W) in 0..1 and ``flow`` (N, 2, H, W) in garment pixels. Also ``place`` (N,), whole numbers,
                each sample's own, for what a loss draws at random.
            weights: name of :attr:`loss_terms` -> factor. What has none, or 0, is not computed.
            perceptual: distance of two pictures (N, 3, h, w) in -1..1, a scalar, where a term wants one.
        """

    @abstractmethod
    def float_layers(self) -> list[str]:
        """Names of the layers whose result is a coordinate: low precision moves pixels there, so they stay float."""

    def feature_readers(self) -> list[str]:
        """Names of the modules that sample or compare features: no layers, but of whole maps, whose bytes cost time."""
        return []

    @abstractmethod
    def output_layers(self) -> list[str]:
        """Names of the convolutions whose width is an interface, so that pruning must leave it."""

    @abstractmethod
    def dependency_outputs(self, *inputs: Any) -> list[Tensor]:
        """A forward pass for tracing which channels are tied, made of ordinary layers only.

        Every parameter takes part. Where the real network multiplies or compares two features channel by channel, they
        are added here, which ties their channels; where it samples or flows, features pass through.
        """

    def heads(self) -> dict[str, int]:
        """Layers that project for attention -> its heads, whose channels lie one head after another in what they give.

        Of projections that read the same features the channels are tied, and their names differ in the last part.
        """
        return {}

    def halves(self) -> list[str]:
        """Names of layers of whose result one half is multiplied with the other, channel by channel."""
        return []

    def set_heads(self, layers: Sequence[str], heads: int, factor: float) -> None:
        """The attention that ``layers`` project for has ``heads`` now, and its products are to be ``factor`` times."""
        raise AssertionError("a model that has heads says how they are set")

    def blocks(self) -> list[str]:
        """Names of what may be left out, in running order: what goes in may take the place of what comes out."""
        return []

    def remove_blocks(self, names: Sequence[str]) -> None:
        """Leave out some of :meth:`blocks`. LookupError for any other name."""
        raise LookupError(f"{type(self).__name__} has no blocks")

    def use_definitions(self) -> None:
        """From now on compute every operation by its definition: the network that speedups are measured against."""

    def forms(self, graph: bool) -> dict[str, str]:
        """Which of several forms computes an operation, by the operation's name, for records.

        Args:
            graph: in a graph for another runtime; otherwise in eager PyTorch in float32 on a CPU.
        """
        return {}

    def example_inputs(self) -> list[Tensor]:
        """Zeros for :meth:`forward`, batch 1."""
        return [torch.zeros(1, channels, *self.size) for channels in self.inputs.values()]

    def graphs(self) -> dict[str, Graph]:
        """What a runtime needs of it, by name, batch 1: the whole call, where nothing else is said."""
        example = {name: torch.full((1, channels, *self.size), 0.5) for name, channels in self.inputs.items()}
        return {"model": Graph(self, example, [])}

    def call(self) -> dict[str, Any] | None:
        """What a runtime must be told to make the call of :meth:`graphs`, as JSON values; None for one graph."""
        return None


class StepwiseModel(TryOnModel):
    """A model that makes a picture in steps, whose number and kind are no part of its weights.

    Attributes:
        sampling: how pictures are made of what the networks predict.
        schedule: the noise that they were trained with.
        multiple: of which the sides of pictures must be multiples, in pixels, where they may differ from ``size``.
    """

    sampling: Sampling
    schedule: NoiseSchedule
    multiple: int

    @abstractmethod
    def networks(self) -> Networks:
        """Its networks, run by eager PyTorch where their weights are."""

    @abstractmethod
    def training_latents(self, batch: Mapping[str, Tensor]) -> TrainingLatents:
        """What its denoising network learns from a batch, see :meth:`losses`."""

    @abstractmethod
    def denoise(self, latents: Tensor, timesteps: Tensor) -> Tensor:
        """Noisy latents, mask and what is known (N, C + 1 + C, h, w), timesteps (N,) -> (N, C, h, w), the noise
        or the velocity, as the schedule says."""

    @abstractmethod
    def feature_modules(self) -> list[nn.Module]:
        """Parts of its denoising network that give (N, C, y, x), alone or first, by which students are compared."""

    @abstractmethod
    def set_sampling(self, sampling: Sampling) -> None:
        """Make pictures by ``sampling`` from now on. ValueError where the model can't."""

    @abstractmethod
    def restore_call(self, call: Mapping[str, Any]) -> None:
        """Make calls as the model did that told ``call``, see :meth:`call`. ValueError where it is damaged."""


class TracedModel(TryOnModel):
    """A model whose training call can be looked into, so that one may learn from another."""

    @abstractmethod
    def trace(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> Trace:
        """:meth:`forward` for training: the same picture, with what a loss or a student looks at."""

    @abstractmethod
    def loss(
        self,
        trace: Trace,
        batch: Mapping[str, Tensor],
        weights: Mapping[str, float],
        perceptual: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """:meth:`losses` of a call that was made already."""
