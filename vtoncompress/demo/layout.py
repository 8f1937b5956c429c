"""What is on the page: photos in, results side by side, their figures, and a slider over two of them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from vtoncompress.data.base import Image
from vtoncompress.demo.fitting import Fitting, FittingRoom
from vtoncompress.demo.garment import canvas_of, mask_of
from vtoncompress.demo.upload import Limits, read_photo
from vtoncompress.image import write_image

TITLE = "vtoncompress: try it on"
KEPT_SECONDS = 600
"""For which a visitor's results stay in memory, for the slider; uploads lie in a temporary folder for as long."""
INTRODUCTION = """# Try it on
A photo of a person, and one of a garment on a plain background. Each chosen network puts the garment on the person, and
its result stands beside that of the network before compression. Photos stay on this server for ten minutes at most.
"""
PLACEHOLDER = "Drop an image file here to upload"
"""What a screen reader is told as well."""
CSS = """
.figures table { border-collapse: collapse } .figures th, .figures td { padding: .3rem .8rem; text-align: right }
.figures th:first-child { text-align: left }
"""


@contextmanager
def told() -> Iterator[None]:
    """A visitor's mistake becomes a line on the page."""
    try:
        yield
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None


def photo(limits: Limits, label: str, name: str) -> gr.Image:
    """An upload that is read by our own rules, so that what is refused is refused in a line."""

    def read(payload: Any) -> Image | None:
        if payload is None or payload.path is None:
            return None
        with told():
            return read_photo(Path(payload.path), limits)

    component = gr.Image(
        label=label, elem_id=name, height=320, sources=["upload", "clipboard"], placeholder=PLACEHOLDER,
        alt_text=f"{label} that was sent",
    )  # fmt: skip
    # For a class of our own Gradio would write a stub beside this file.
    component.preprocess = read
    return component


def build(room: FittingRoom, limits: Limits, examples: Sequence[Sequence[str]]) -> gr.Blocks:
    """The page. ``examples`` are paths of persons and garments."""
    names = list(room.recipes)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(60, KEPT_SECONDS)) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            with gr.Column():
                person = photo(limits, "Person", "person")
            with gr.Column():
                garment = photo(limits, "Garment", "garment")
        gr.Examples([list(pair) for pair in examples], [person, garment], label="Drawn examples", api_name=False)
        with gr.Accordion("Paint the garment's mask (otherwise it is found)", open=False, elem_id="mask"):
            painted = gr.ImageEditor(
                label="Paint over the garment", type="numpy", sources=(), transforms=(), layers=False,
                brush=gr.Brush(default_size=24, colors=["#ff0080"], color_mode="fixed"), elem_id="painted",
            )  # fmt: skip
        recipes = gr.CheckboxGroup(names, value=names[:2], label="Recipes", elem_id="recipes")
        with gr.Row():
            start = gr.Button("Try on", variant="primary", elem_id="start")
            cancel = gr.Button("Cancel", elem_id="cancel")
        # Empty galleries would take a screen and say nothing.
        with gr.Column(visible=False) as shown:
            results = gr.Gallery(
                label="Results",
                columns=4,
                height=380,
                object_fit="contain",
                format="png",
                interactive=False,
                elem_id="results",
            )
            figures = gr.HTML(elem_classes="figures", elem_id="figures")
            with gr.Row():
                left = gr.Dropdown([], label="Slider, left", elem_id="left")
                right = gr.Dropdown([], label="Slider, right", elem_id="right")
            slider = gr.ImageSlider(label="Two results", format="png", interactive=False, elem_id="slider")
            apart = gr.Gallery(
                label="Difference to the dense result ×3",
                columns=4,
                height=380,
                object_fit="contain",
                format="png",
                interactive=False,
            )
        status = gr.HTML(elem_id="status")
        kept = gr.State({}, time_to_live=KEPT_SECONDS)

        visit = _visit(room, limits)
        outputs = [status, shown, results, figures, apart, kept, left, right, slider]
        event = start.click(
            visit, [person, garment, painted, recipes], outputs, api_name="try_on", concurrency_id="networks",
            concurrency_limit=limits.concurrency,
        )  # fmt: skip
        cancel.click(None, cancels=[event], api_name=False)
        garment.change(_canvas, garment, painted, api_name=False, show_progress="hidden")
        for side in (left, right):
            side.input(_slide, [kept, left, right], slider, api_name=False)
    return page


def _visit(room: FittingRoom, limits: Limits) -> Callable[..., Iterator[tuple[Any, ...]]]:
    def visit(
        person: Image | None,
        garment: Image | None,
        painted: dict[str, Any] | None,
        names: list[str],
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[tuple[Any, ...]]:
        """Put the garment on the person with every named recipe."""
        if person is None or garment is None:
            raise gr.Error("Send a photo of a person and one of a garment first.", print_exception=False)
        if not names:
            raise gr.Error("Choose at least one recipe.", print_exception=False)
        deadline, done = time.monotonic() + limits.seconds, []
        progress((0, len(names)), desc="finding the garment", unit="recipes")
        with told(), TemporaryDirectory() as folder:
            mask = mask_of(garment, painted)
            for fitting in room.fit(names, person, garment, mask):
                done.append(fitting)
                progress((len(done), len(names)), desc=fitting.recipe.name, unit="recipes")
                yield _shown(done, Path(folder))
                if time.monotonic() > deadline and len(done) < len(names):
                    raise ValueError(f"This took longer than {limits.seconds:g} s: choose fewer recipes.")

    return visit


def _shown(done: Sequence[Fitting], folder: Path) -> tuple[Any, ...]:
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
    kept = {one.recipe.name: one.picture for one in done}
    return (
        "", gr.Column(visible=True), [(picture, name) for name, picture in pictures.items()], table(done),
        differences, kept,
        gr.Dropdown(names, value=names[0]), gr.Dropdown(names, value=names[-1]),
        (pictures[names[0]], pictures[names[-1]]),
    )  # fmt: skip


def _file(picture: Image, name: str, folder: Path) -> str:
    path = folder / f"{re.sub(r'[^A-Za-z0-9]+', '_', name)}-{uuid.uuid4().hex[:8]}.png"
    write_image(path, picture)
    return str(path)


def table(done: Sequence[Fitting]) -> str:
    """The figures as a table in HTML."""
    heads = ("recipe", "runtime", "latency (ms)", "size (MiB)", "difference to dense (levels of 255)", "garment SSIM")
    rows = [
        (
            one.recipe.name, one.recipe.runtime, f"{one.latency_ms:.1f}", f"{one.recipe.size_mib:.1f}",
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


def _canvas(garment: Image | None) -> dict[str, Any] | None:
    """The garment to paint on, with nothing painted yet."""
    return None if garment is None else {"background": canvas_of(garment), "layers": [], "composite": None}


def _slide(kept: dict[str, Image], left: str | None, right: str | None) -> tuple[Image, Image] | None:
    return (kept[left], kept[right]) if left in kept and right in kept else None
