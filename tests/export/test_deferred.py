"""What nobody uses is not opened; what is used is opened once."""

from __future__ import annotations

import numpy as np

from tests.metric.test_speed import Recorder
from vtoncompress.export.base import Runtime
from vtoncompress.export.deferred import DeferredRuntime


def test_it_opens_once_and_does_what_the_runtime_does() -> None:
    opened: list[Recorder] = []

    def opening() -> Runtime:
        opened.append(Recorder("late"))
        opened[-1].inputs = ("person",)
        return opened[-1]

    runtime = DeferredRuntime(opening)
    assert not opened
    person = {"person": np.ones((1, 3, 2, 2), np.float32)}
    assert runtime(person)["image"] is person["person"]
    assert runtime.inputs == ("person",)
    assert len(runtime.many([person, person])) == 2
    assert runtime.describe() == {"runtime": "late"}
    assert runtime.reuse(person) is runtime.profile(person, 1) is None
    assert runtime.rates() == {}
    assert [name for name, *_ in opened[0].log] == ["late"] * 3
    assert len(opened) == 1
    assert all(name in vars(DeferredRuntime) for name in vars(Runtime) if not name.startswith("_"))
