"""A runtime that is opened at its first use: who looks at files or weights alone waits for no compiler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vtoncompress.export.base import LayerTime, Runtime, Tensors

if TYPE_CHECKING:
    from vtoncompress.sampling.base import Sampling
    from vtoncompress.sampling.denoising import Networks


class DeferredRuntime(Runtime):
    """Does what the runtime does that ``opening`` gives, which is called once."""

    def __init__(self, opening: Callable[[], Runtime]) -> None:
        self._opening = opening

    @cached_property
    def opened(self) -> Runtime:
        """The runtime itself."""
        return self._opening()

    @property
    def inputs(self) -> Sequence[str]:  # type: ignore[override]  # nobody sets it
        """As the runtime's."""
        return self.opened.inputs

    def __call__(self, inputs: Tensors) -> Tensors:
        return self.opened(inputs)

    def many(self, inputs: Sequence[Tensors]) -> list[Tensors]:
        """As the runtime's, and so are the others."""
        return self.opened.many(inputs)

    def reuse(self, fixed: Tensors) -> Callable[[Tensors], Tensors] | None:
        return self.opened.reuse(fixed)

    def profile(self, inputs: Tensors, repetitions: int) -> list[LayerTime] | None:
        return self.opened.profile(inputs, repetitions)

    def sampled(
        self, options: Mapping[str, Any], told: Callable[[int, int], None]
    ) -> Callable[[Tensors], Tensors] | None:
        return self.opened.sampled(options, told)

    def networks(self, sampling: Sampling | None = None) -> Networks | None:
        return self.opened.networks(sampling)

    def rates(self) -> dict[str, float]:
        return self.opened.rates()

    def describe(self) -> dict[str, Any]:
        return self.opened.describe()
