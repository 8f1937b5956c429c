"""Networks that a toolkit tries one after the other, and the best of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from vtoncompress.export.base import Runtime
from vtoncompress.quantization.judge import Budget, Judge, Quality

BROKEN = -1e9
"""The margin of a network that paints nothing: below every other and finite, for toolkits and records count with it."""


class Trials:
    """What was tried, how it was judged, and the best so far: toolkits return what they tried last, or nothing.

    Args:
        judge: who looks at every network.
        budget: what may be lost against the float32 network.
    """

    def __init__(self, judge: Judge, budget: Budget) -> None:
        self.judge, self.budget = judge, budget
        self.before: Quality | None = None
        self._trials: list[dict[str, Any]] = []
        self.chosen = 0
        self._best: Any = None

    def begin(self, float32: Runtime) -> float:
        """Look at the network before quantization; its margin, which is 1."""
        self.before = self.judge.look(float32)
        return 1.0

    def add(self, make: Callable[[], tuple[Any, Runtime]], **told: Any) -> float:
        """The margin of one more network; :data:`BROKEN` where it can't be made or paints NaN.

        Args:
            make: the network to keep if it is the best so far, and what runs it.
            told: of the trial, for the record.
        """
        assert self.before is not None, "begin comes first"
        try:
            network, runtime = make()
            quality = self.judge.look(runtime)
        except (ValueError, RuntimeError) as error:  # one broken network mustn't cost those before it
            return self._broken(error, told)
        margin = self.budget.margin(self.before, quality)
        if self._best is None or margin > self._trials[self.chosen]["margin"]:
            self._best, self.chosen = network, len(self)
        self._trials.append({**told, **asdict(quality), "margin": margin})
        return margin

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Within it whatever a toolkit raises ends the trials, as one more that is broken; the first one is raised."""
        try:
            yield
        except Exception as error:
            if self._best is None:
                raise
            self._broken(error, {})

    def _broken(self, error: Exception, told: dict[str, Any]) -> float:
        self._trials.append({**told, "error": _first_line(error), "margin": BROKEN})
        return BROKEN

    def __len__(self) -> int:
        return len(self._trials)

    def best(self) -> Any:
        """The network of the best trial. ValueError where every one of them was broken."""
        if self._best is None:
            reason = self._trials[0]["error"] if self._trials else "none was made"
            raise ValueError(f"no trial of {len(self)} gave a network that paints ({reason}): try other options")
        return self._best

    def record(self) -> dict[str, Any]:
        """``budget_met``, how it was judged, ``before``, ``trials`` (each one's quality and margin), the ``chosen``."""
        assert self.before is not None
        return {
            "budget_met": self._trials[self.chosen]["margin"] >= 0,
            "judged_by": self.judge.describe(),
            "chosen": self.chosen,
            "before": asdict(self.before),
            "trials": self._trials,
        }


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
