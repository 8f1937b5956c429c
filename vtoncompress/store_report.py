"""What the tools of the store found, as text for a terminal or a file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vtoncompress.collection import Collection
from vtoncompress.inventory import Item, Leftover, References
from vtoncompress.quantity import show_age, show_size
from vtoncompress.rebuild import Explanation

if TYPE_CHECKING:
    from rich.console import Console

FLOW = ("model", "pruning", "finetuning", "deployment", "quality", "subject")
PLAIN_WIDTH, WIDE = 120, 90
KINDS = {
    "building": "of a build that runs or was killed",
    "removed": "of a removal that runs or was killed",
    "work": "what an unfinished stage can go on from",
}


def print_inventory(
    items: Sequence[Item], leftovers: Sequence[Leftover], references: References, console: Console | None = None
) -> None:
    """Print all artifacts, the totals of their stages, and apart from them what is no artifact."""
    console = console or make_console()
    now = time.time()
    ordered = sorted(items, key=lambda item: (_place(item.artifact.stage), item.used))
    rows = [
        (
            item.artifact.stage, item.artifact.key, show_size(item.bytes), _took(item), show_age(now - item.created),
            show_age(now - item.used), str(references.uses[item.address] or "–") if item.whole else "damaged",
        )
        for item in ordered
    ]  # fmt: skip
    _print(console, ("stage", "key", "size", "took", "age", "last used", "records"), rows)
    _print(console, ("total", "artifacts", "size", "took", "unreferenced"), _totals(ordered, references))
    if leftovers:
        _print(
            console,
            ("no artifact", "size", "written", ""),
            [
                (f"{one.stage}/{one.key}", show_size(one.bytes), f"{show_age(now - one.changed)} ago", KINDS[one.kind])
                for one in leftovers
            ],
        )
    damaged = sum(not item.whole for item in items)
    if damaged:
        _say(console, f"{damaged} are damaged and will be built again; action=verify says more")
    for line in references.damaged:
        _say(console, f"not counted: {line}")


def print_explanations(variant: str, explanations: Sequence[Explanation], console: Console) -> None:
    """Print a variant's stages, each cached or with the reasons for building it again."""
    anew = sum(not one.cached for one in explanations)
    verdict = f"{anew} of {len(explanations)} stages would be built again" if anew else "all stages are in the store"
    _say(console, f"{variant}: {verdict}")
    for one in explanations:
        _say(console, f"  {one.label}, {one.stage.key}: {'cached' if one.cached else 'built again'}")
        for reason in one.reasons:
            _say(console, f"    {reason}")
    console.print()


def print_collection(done: Collection, max_size: int, dry_run: bool, console: Console) -> None:
    """Print what was removed, what is left, and what stands in the way of the limit."""
    for name, size, age in done.removed:
        _say(
            console, f"{'would remove' if dry_run else 'removed'} {name}, {show_size(size)}, unused for {show_age(age)}"
        )
    _say(
        console,
        f"{'would free' if dry_run else 'freed'} {show_size(done.freed)} of {show_size(done.before)}: "
        f"{show_size(done.after)} {'would be' if dry_run else 'are'} left",
    )
    if done.after > max_size:
        kept = [
            (done.referred, f"that the {done.records} records refer to"),
            (done.recent, "used lately or by a running process (min_age, work_age)"),
            (done.busy, "being built"),
        ]
        parts = "; ".join(f"{show_size(size)} {why}" for size, why in kept if size)
        _say(console, f"the limit of {show_size(max_size)} can't be reached: {parts}")


def make_console() -> Console:
    """Standard output; wide in a file or a pipe."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    return console


def _totals(items: Sequence[Item], references: References) -> list[tuple[str, ...]]:
    def total(name: str, some: Sequence[Item]) -> tuple[str, ...]:
        unreferenced = sum(item.bytes for item in some if not references.uses[item.address])
        took = sum(item.seconds or 0 for item in some)
        return (
            name,
            str(len(some)),
            show_size(sum(item.bytes for item in some)),
            show_age(took),
            show_size(unreferenced),
        )

    stages = sorted({item.artifact.stage for item in items}, key=_place)
    rows = [total(stage, [item for item in items if item.artifact.stage == stage]) for stage in stages]
    return [*rows, total("all", items)]


def _place(stage: str) -> tuple[int, str]:
    return (FLOW.index(stage) if stage in FLOW else len(FLOW), stage)


def _took(item: Item) -> str:
    return "–" if item.seconds is None else show_age(item.seconds)


def _print(console: Console, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.table import Table

    gap = 2 if console.width >= WIDE else 1
    view = Table(box=None, padding=(0, gap, 0, 0), header_style="bold", pad_edge=False)
    numbers: Any = {"size", "took", "age", "last used", "records", "artifacts", "unreferenced", "written"}
    for column in columns:
        view.add_column(column, justify="right" if column in numbers else "left", no_wrap=column != "")
    for row in rows:
        view.add_row(*row)
    console.print(view)
    console.print()


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
