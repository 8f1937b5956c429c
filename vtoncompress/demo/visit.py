"""What happens after a visitor's click: from what was sent to what the page shows, step by step."""

from __future__ import annotations

import re
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from fastapi import HTTPException

from vtoncompress.data.base import Image
from vtoncompress.demo.fitting import Fitting, FittingRoom, Wish
from vtoncompress.demo.follow import Told, follow
from vtoncompress.demo.mask import Painted, garment_mask, person_mask
from vtoncompress.demo.upload import Limits
from vtoncompress.image import read_image, write_image
from vtoncompress.masking.base import Masker

OUTPUTS = 9
FAILED = "This failed on the server, and not for your photos: try another recipe, or tell those who run it."
NO_MEMORY = "The server has too little memory for this: choose fewer recipes, or come again later."
WAITING = "<p>Waiting for its turn.</p>"
CANCELLED = "<p>Cancelled.</p>"
MASKS = "Looking for masks."


@contextmanager
def refusing() -> Iterator[None]:
    """A visitor's mistake becomes a line on the page, and so does what no visitor can help."""
    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        raise gr.Error(_line(error), print_exception=False) from None


def _line(error: Exception) -> str:
    """What a visitor is told. What is not a visitor's mistake is for those who run the server, in full."""
    if isinstance(error, ValueError):
        return str(error)
    traceback.print_exception(error)
    return NO_MEMORY if isinstance(error, MemoryError) else FAILED


async def pass_nothing_on(url: str, request: Any) -> None:
    """In place of Gradio's relay to an address that a visitor names in place of a file of this server."""
    raise HTTPException(403, "This server fetches nothing from elsewhere.")


async def fetch_nothing(url: str, cache_dir: str) -> str:
    """In place of Gradio's download where a visitor sends an address for a file: this server asks nobody."""
    raise gr.Error("Send a file, not an address.", print_exception=False)


class Visit:
    """Serves visits, one run each.

    Args:
        room: opens and runs the networks.
        limits: of a visit.
        masker: finds the person's place for the garment where none is painted.
    """

    def __init__(self, room: FittingRoom, limits: Limits, masker: Masker) -> None:
        self.room, self.limits, self.masker = room, limits, masker
        # Of results for the slider, as files, which are forgotten in time (vtoncompress.demo.forget).
        self._kept = TemporaryDirectory()

    def run(
        self,
        person: Image | None,
        garment: Image | None,
        painted: Painted,
        names: list[str],
        painted_person: Painted = None,
        custom: bool = False,
        steps: float | None = None,
        guidance: float | None = None,
        seed: float | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Put the garment on the person with every named recipe; gives the page's ``OUTPUTS``, the status first.

        Steps and guidance count where ``custom``; otherwise each recipe has its own, and the seed alone is one for all.
        """
        if person is None or garment is None:
            raise gr.Error("Send a photo of a person and one of a garment first.", print_exception=False)
        if not names:
            raise gr.Error("Choose at least one recipe.", print_exception=False)
        with refusing(), TemporaryDirectory() as folder:
            sampling = _sampling(custom, steps, guidance, seed)
            self._check_steps(names, sampling)
            looked_at = {name for one in names for name in self.room.recipes[one].inputs}
            runs = [*self.room.runs(names).values()]

            def fit(told: Told) -> Iterator[Fitting]:
                tell = self._in_time(told)
                tell(MASKS, 0, 1)
                wish = Wish(
                    person, garment,
                    garment_mask(garment, painted) if "garment_mask" in looked_at else None,
                    person_mask(person, painted_person, self.masker) if "agnostic_mask" in looked_at else None,
                    sampling,
                )  # fmt: skip
                yield from self.room.fit(names, wish, tell)

            made: dict[str, Fitting] = {}
            kept: dict[str, str] = {}
            done = 0.0
            try:
                for event in follow(fit):
                    if isinstance(event, Fitting):
                        name = event.recipe.name
                        made[name] = event
                        if name not in kept:
                            kept[name] = _file(event.picture, name, Path(self._kept.name))
                        over = done == len(runs)
                        yield (
                            status("Done." if over else "", done, len(runs), over),
                            *_shown([*made.values()], Path(folder), dict(kept)),
                        )
                    else:
                        called, step, of = event
                        done = 0.0 if called == MASKS else runs.index(called) + step / of
                        line = f"{called}: step {step} of {of}" if of > 1 else called
                        yield (status(line, done, len(runs)), *[gr.skip()] * (OUTPUTS - 1))
            except Exception as error:
                if not {*names} <= {*made}:
                    raise
                # All that was chosen is there, and an error would cover it.
                line = f"Done, but not compared. {_line(error)}"
                yield (status(line, done, len(runs), over=True), *[gr.skip()] * (OUTPUTS - 1))

    def _check_steps(self, names: Sequence[str], sampling: Mapping[str, float]) -> None:
        for name in names:
            own = self.room.recipes[name].sampling
            if own is not None and (steps := sampling.get("steps", own["steps"])) > self.limits.steps:
                raise ValueError(f"{name}: {steps:g} steps are too many: choose at most {self.limits.steps} yourself.")

    def _in_time(self, told: Told) -> Told:
        """As ``told``, but it ends a visit that takes too long, or whose second step shows that it will."""
        deadline, first = time.monotonic() + self.limits.seconds, 0.0

        def tell(recipe: str, done: int, steps: int) -> None:
            nonlocal first
            now = time.monotonic()
            if now > deadline:
                raise ValueError(f"This took longer than {self.limits.seconds:g} s: choose fewer recipes or steps.")
            if done == 1:
                first = now
            elif done == 2 and (left := (steps - 2) * (now - first)) > deadline - now:
                rest = deadline - now
                raise ValueError(
                    f"{recipe}: its {steps} steps would take {left:.0f} s more, and this visit has {rest:.0f} s left: "
                    f"choose at most {2 + int(rest / (now - first))} steps yourself, or fewer recipes."
                )
            told(recipe, done, steps)

        return tell


def status(line: str, done: float, recipes: int, over: bool = False) -> str:
    """How far a visit is, in HTML; ``done`` of the ``recipes``, and a line about the one that is running."""
    text = f"<p>{escape(f'{int(done)} of {recipes} recipes. {line}'.strip())}</p>"
    bar = f'<progress aria-label="Recipes done" max="{recipes}" value="{done:.3f}"></progress>'
    return text if over else text + bar


def unless_over(line: str) -> Callable[[str | None], Any]:
    """Makes the status that line where it tells of something that runs, and leaves it as it is otherwise."""
    return lambda status: line if status == WAITING or "<progress" in (status or "") else gr.skip()


def _sampling(custom: bool, steps: float | None, guidance: float | None, seed: float | None) -> dict[str, float]:
    if steps is None or guidance is None or seed is None:
        return {}
    return {"seed": int(seed), **({"steps": int(steps), "guidance": float(guidance)} if custom else {})}


def _shown(done: Sequence[Fitting], folder: Path, kept: Mapping[str, str]) -> tuple[Any, ...]:
    """Pictures as files of names of their own, which Gradio copies to where it forgets them in time.

    Two visitors' equal arrays would be one file, that the one reads while it is written for the other.
    """
    pictures = {one.recipe.name: _file(one.picture, one.recipe.name, folder) for one in done}
    names = list(pictures)
    differences = [
        (_file(one.difference, f"difference of {one.recipe.name}", folder), one.recipe.name)
        for one in done
        if one.difference is not None
    ]
    return (
        gr.Column(visible=True), [(pictures[one.recipe.name], _caption(one)) for one in done], table(done),
        differences, kept,
        gr.Dropdown(names, value=names[0]), gr.Dropdown(names, value=names[-1]),
        (pictures[names[0]], pictures[names[-1]]),
    )  # fmt: skip


def _caption(one: Fitting) -> str:
    count = "" if one.steps is None else f", {one.steps} step{'s' if one.steps > 1 else ''}"
    return one.recipe.name + count


def _file(picture: Image, name: str, folder: Path) -> str:
    path = folder / f"{re.sub(r'[^A-Za-z0-9]+', '_', name)}-{uuid.uuid4().hex[:8]}.png"
    write_image(path, picture)
    return str(path)


def table(done: Sequence[Fitting]) -> str:
    """The figures as a table in HTML."""
    heads = ("recipe", "runtime", "latency (ms)", "size (MiB)", "difference to dense (levels of 255)", "garment SSIM")
    rows = [
        (
            one.recipe.name, one.recipe.runtime,
            f"{one.latency_ms:.1f}{' (first call)' if one.first_call else ''}", f"{one.recipe.size_mib:.1f}",
            "–" if one.apart is None else f"{one.apart:.2f}",
            "–" if one.recipe.quality is None else f"{one.recipe.quality:.3f} on the test pairs",
        )
        for one in done
    ]  # fmt: skip
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def slide(kept: Mapping[str, str], left: str | None, right: str | None) -> tuple[Image, Image] | None:
    """The two results that the slider shows, of files by name; None where they are forgotten by now."""
    try:
        return read_image(Path(kept[left or ""])), read_image(Path(kept[right or ""]))
    except (KeyError, ValueError):
        return None
