"""What a stage is: a function of its config, its inputs and its code, whose result the store keeps."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from vtoncompress import fingerprint, machine
from vtoncompress.store import Artifact, Store
from vtoncompress.verification import find_faults

Config = Mapping[str, Any]
TARGET = "_target_"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """A function of its config, its inputs and its code.

    Attributes:
        name: of the kind of stage.
        function: ``module:function`` that does the work; imported only when there is work.
        config: what the result depends on, plain JSON.
        passing: further entries of some of its mappings, which change no result: they are handed over and not hashed.
        inputs: stages whose folders it reads.
        files: other files it reads.
        resumable: whether it keeps checkpoints, for which it gets a folder that outlives a kill.
        alone: whether it measures time, so that no other stage may work on this machine meanwhile.
    """

    name: str
    function: str
    config: Config
    inputs: tuple[Stage, ...] = ()
    files: tuple[Path, ...] = ()
    resumable: bool = False
    alone: bool = False
    passing: Mapping[str, Config] = field(default_factory=dict)

    @cached_property
    def code(self) -> list[str]:
        return sorted(
            {self.function.partition(":")[0], *(target.rpartition(".")[0] for target in _targets(self.config))}
        )

    @cached_property
    def input_keys(self) -> list[str]:
        return [*(stage.key for stage in self.inputs), *(fingerprint.known_hash(path) for path in self.files)]

    @cached_property
    def key(self) -> str:
        return Store.key(self.name, self.config, self.input_keys, self.code)

    @property
    def address(self) -> str:
        """As records name it."""
        return f"{self.name}/{self.key}"

    def find(self, store: Store) -> Artifact | None:
        return store.find(self.name, self.key)

    def build(self, store: Store) -> tuple[Artifact, float]:
        """The stage's artifact, after those of the stages that it needs, and the seconds that their work took here.

        Nothing where all were found.
        """
        seconds = 0.0
        if (found := self.find(store)) is not None:
            LOG.info("%s: found", self.address)
            return found, seconds
        inputs = [_build_sound(stage, store) for stage in self.inputs]
        module, _, name = self.function.partition(":")

        def make(out: Path) -> None:
            nonlocal seconds
            work = [store.work_folder(self.name, self.key)] if self.resumable else []
            # Within the store's lock: who waits here for the machine keeps nobody waiting who has it.
            with machine.use(alone=self.alone):
                LOG.info("%s: begins", self.address)
                begun = time.perf_counter()
                function = getattr(importlib.import_module(module), name)
                self._check_code()
                told = {**self.config, **{key: {**self.config[key], **more} for key, more in self.passing.items()}}
                function(told, *(artifact.path for artifact, _ in inputs), out, *work)
                seconds = time.perf_counter() - begun

        artifact = store.build(self.name, self.config, self.input_keys, self.code, make)
        LOG.info("%s: %s", self.address, f"built in {seconds:.1f} s" if seconds else "found, another process built it")
        return artifact, seconds + sum(taken for _, taken in inputs)

    def _check_code(self) -> None:
        """ValueError where the code that is now in memory may not be the one that the key was hashed from.

        A stage may begin an hour after the variant did. What changes from here on is not read any more.
        """
        for module in self.code:
            importlib.import_module(module)
        if changed := fingerprint.changed(self.code):
            raise ValueError(f"{', '.join(changed)} changed after this variant had begun: run the same command again")


def _build_sound(stage: Stage, store: Store) -> tuple[Artifact, float]:
    """As :meth:`Stage.build` for what is about to be read: a file that a disk has damaged is built again.

    What this process has written or looked at before is not read again.
    """
    artifact, seconds = stage.build(store)
    if faults := find_faults(artifact, fingerprint.known_hash):
        LOG.warning("%s is damaged (%s): building it again", stage.address, "; ".join(faults))
        store.discard_damaged(artifact, lambda: bool(find_faults(artifact)))
        artifact, again = stage.build(store)
        seconds += again
    return artifact, seconds


def _targets(value: Any) -> Iterator[str]:
    """Every class or function that the config names, however deep."""
    if isinstance(value, Mapping):
        if TARGET in value:
            yield value[TARGET]
        for inner in value.values():
            yield from _targets(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _targets(inner)
