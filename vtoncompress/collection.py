"""Garbage collection: a store brought down to a size, what was used longest ago first.

What is never taken:

- an artifact that a record in the given results refers to;
- an artifact that a running process has found or built since it opened the store, however long it runs
  (:mod:`vtoncompress.lease`), whether or not it has written its record yet;
- an artifact that was used within ``min_age``, so that a sweep that was stopped can go on where it was;
- anything of a key that somebody builds or waits to build;
- a work folder in which something was written within ``work_age``: training goes on from it.

An artifact leaves by renaming, under its lock and in the store's gate, where it is made sure once more that nobody has
used it since. So a process either finds all of it, and keeps it, or finds nothing and builds it. What a process has not
looked for yet may go, which costs time and no result. Processes are known to each other if the store can be locked
across them and if they may write it; one that may only read it is protected by ``min_age`` alone, and only as far as
somebody else uses what it reads.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vtoncompress.inventory import Item, Leftover, items, last_used, leftovers, measure, references
from vtoncompress.store import Store

CLOCKS_SECONDS = 60.0
"""How far the clocks may be apart: of the machines that share a store, and of a file system and its machine."""


@dataclass
class Collection:
    """What was done, or with ``dry_run`` would be.

    Attributes:
        before: bytes in the store.
        removed: (what, bytes, seconds since it was used), in order.
        referred, recent, busy: bytes that stay because records refer to them, because they were used or written lately
            or by a running process, and because somebody builds them.
        records: number of records looked at.
    """

    before: int = 0
    removed: list[tuple[str, int, float]] = field(default_factory=list)
    referred: int = 0
    recent: int = 0
    busy: int = 0
    records: int = 0

    @property
    def freed(self) -> int:
        """Bytes."""
        return sum(size for _, size, _ in self.removed)

    @property
    def after(self) -> int:
        """Bytes in the store."""
        return self.before - self.freed


def collect(
    store: Store,
    results: Sequence[Path],
    max_size: int,
    min_age: float = 86400,
    work_age: float = 7 * 86400,
    dry_run: bool = False,
    now: float | None = None,
) -> Collection:
    """Remove what killed builds left, then old work folders, then artifacts, until no more than ``max_size`` is left.

    Args:
        store: which.
        results: folders whose records, at any depth, say what is needed.
        max_size: bytes.
        min_age: seconds for which an artifact that no record refers to is kept after its last use.
        work_age: seconds for which a work folder is kept after something was last written to it.
        dry_run: remove nothing.
        now: as ``time.time()``, which it is by default.

    Raises:
        ValueError: a record can't be read, or there are none, so that it is not known what is needed, and nothing was
            removed; or the store can't be written.
    """
    # In this order: a process that ends after the leases were read has touched what it used, and one that ended before
    # has written its record.
    now = time.time() if now is None else now
    recent = min(now - min_age, _oldest_lease(store, now) - CLOCKS_SECONDS)
    needed = references(results)
    if needed.damaged:
        raise ValueError(f"nothing was removed, because it is not known what is needed: {needed.damaged[0]}")
    if not needed.records:
        places = ", ".join(map(str, results))
        raise ValueError(
            f"nothing was removed: no record in {places} says what is needed; give results=FOLDER, or delete "
            f"{store.root} if nothing is"
        )
    artifacts, rest = items(store), leftovers(store)
    before = sum(item.bytes for item in artifacts) + sum(leftover.bytes for leftover in rest)
    done = Collection(before, records=needed.records)
    finished = {item.address for item in artifacts if item.whole}
    for leftover in sorted(rest, key=lambda one: (_continues(one, finished), one.changed)):
        if not _continues(leftover, finished):
            _take_leftover(store, leftover, now, dry_run, done)
        elif leftover.changed > now - work_age:
            done.recent += leftover.bytes
        elif done.after > max_size:
            _take_leftover(store, leftover, now, dry_run, done)
    for item in sorted(artifacts, key=lambda one: (one.used, one.address)):
        if needed.uses[item.address]:
            done.referred += item.bytes
        elif item.used > recent:
            done.recent += item.bytes
        elif done.after > max_size:
            _take_artifact(store, item, recent, now, dry_run, done)
    return done


def _continues(leftover: Leftover, finished: set[str]) -> bool:
    """Whether a build could go on from it."""
    return leftover.kind == "work" and f"{leftover.stage}/{leftover.key}" not in finished


def _oldest_lease(store: Store, now: float) -> float:
    with store.lease.gate():
        oldest = store.lease.oldest()
    return now if oldest is None else min(oldest, now)


def _take_leftover(store: Store, leftover: Leftover, now: float, dry_run: bool, done: Collection) -> None:
    with store.lock_if_free(leftover.stage, leftover.key) as free:
        if not free:
            done.busy += leftover.bytes
            return
        try:
            changed = measure(leftover.path)[1] > leftover.changed
        except FileNotFoundError:
            return  # its process came to an end meanwhile
        if changed:  # by one that was killed meanwhile
            done.recent += leftover.bytes
            return
        if not dry_run:
            store.discard(leftover.stage, leftover.key, leftover.path)
        done.removed.append((leftover.path.relative_to(store.root).as_posix(), leftover.bytes, now - leftover.changed))


def _take_artifact(store: Store, item: Item, recent: float, now: float, dry_run: bool, done: Collection) -> None:
    artifact = item.artifact

    def used_lately() -> bool:
        return last_used(artifact) > recent

    with store.lock_if_free(artifact.stage, artifact.key) as free:
        if not free:
            done.busy += item.bytes
        elif not artifact.path.exists():
            return  # another collection was faster
        elif used_lately() or not (dry_run or store.discard(artifact.stage, artifact.key, artifact.path, used_lately)):
            done.recent += item.bytes
        else:
            done.removed.append((item.address, item.bytes, now - item.used))
