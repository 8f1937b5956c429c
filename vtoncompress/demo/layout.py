"""What is on the page: photos in, results side by side, their figures, and a slider over two of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from vtoncompress.data.base import Image
from vtoncompress.demo.fitting import FittingRoom
from vtoncompress.demo.mask import CANVAS, Painted, canvas_of
from vtoncompress.demo.recipe import Recipe
from vtoncompress.demo.upload import UNPAINTED, Limits, read_layer, read_photo
from vtoncompress.demo.visit import CANCELLED, WAITING, Visit, refusing, slide, unless_over
from vtoncompress.masking.base import Masker
from vtoncompress.sampling.noise import LARGEST_SEED

TITLE = "vtoncompress: try it on"
INTRODUCTION = """# Try it on
A photo of a person, and one of a garment on a plain background. Each chosen network puts the garment on the person, and
its result stands beside that of the network before compression. Photos stay on this server for ten minutes at most.

The networks that come with the package were trained on drawn people at 128x96 pixels: a photo shows that they work, not
how well try-on can be. The drawn examples show what they learned.
"""
PLACEHOLDER = "Drop an image file here to upload"
"""What a screen reader is told as well."""
BOXES = 12
"""More recipes than that are chosen from a list that can be searched."""
STRONGEST = 10.0
"""Guidance; pictures fall apart long before."""
CSS = """
.figures { overflow-x: auto }
.figures table { border-collapse: collapse } .figures th, .figures td { padding: .3rem .8rem; text-align: right }
.figures th:first-child { text-align: left }
#status { min-height: 6rem } /* the place in the queue lies over it */
#status progress { width: 100% }
#results .thumbnail-item, #apart .thumbnail-item { height: 22rem; aspect-ratio: auto }
"""
SCRIPT = """() => new MutationObserver(() => {
  for (const one of document.querySelectorAll('.thumbnail-item[aria-label]:has(.caption-label)'))
    one.removeAttribute('aria-label')
}).observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['aria-label']})
"""
"""Gradio's own names of the results are others than the captions that are seen."""


def build(room: FittingRoom, limits: Limits, masker: Masker, examples: Sequence[Sequence[str]]) -> gr.Blocks:
    """The page. ``examples`` are paths of persons and garments."""
    recipes = list(room.recipes.values())
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            with gr.Column():
                person = photo(limits, "Person", "person")
            with gr.Column():
                garment = photo(limits, "Garment", "garment")
        gr.Examples([list(pair) for pair in examples], [person, garment], label="Drawn examples", api_name=False)
        painted = editor("garment", garment)
        chosen = choice(recipes)
        further = options(recipes, person, limits)
        with gr.Row():
            start = gr.Button("Try on", variant="primary", elem_id="start")
            cancel = gr.Button("Cancel", elem_id="cancel")
        status = gr.HTML(elem_id="status")
        shown, outputs = results()

        start.click(None, None, status, js=f"() => '{WAITING}'", api_name=False, show_progress="hidden")
        event = start.click(
            Visit(room, limits, masker).run, [person, garment, painted, chosen, *further], [status, shown, *outputs],
            api_name="try_on", concurrency_id="networks", concurrency_limit=limits.concurrency,
        )  # fmt: skip
        # Gradio calls that a failure as well which was cancelled.
        event.failure(unless_over(""), status, status, api_name=False, show_progress="hidden")
        cancel.click(unless_over(CANCELLED), status, status, cancels=[event], api_name=False, queue=False)
    return page


def photo(limits: Limits, label: str, name: str) -> gr.Image:
    """An upload that is read by our own rules, so that what is refused is refused in a line."""

    def read(payload: Any) -> Image | None:
        if payload is None or payload.path is None:
            return None
        with refusing():
            return read_photo(Path(payload.path), limits)

    component = gr.Image(
        label=label, elem_id=name, height=320, sources=["upload", "clipboard"], placeholder=PLACEHOLDER,
        alt_text=f"{label} that was sent",
    )  # fmt: skip
    # For a class of our own Gradio would write a stub beside this file.
    component.preprocess = read
    return component


def editor(what: str, of: gr.Image) -> gr.ImageEditor:
    """Where a mask is painted over a photo. Of what comes back only that layer is opened, by our own rules again."""

    def read(payload: Any) -> Painted:
        layers = [] if payload is None else payload.layers
        with refusing():
            if len(layers) > 1:
                raise ValueError(UNPAINTED)
            return {"layers": [read_layer(Path(layer.path), CANVAS) for layer in layers]}

    wanted = {"garment": "Paint over the garment", "person": "Paint over what the new garment may cover"}[what]
    with gr.Accordion(f"Paint the {what}'s mask (otherwise it is found)", open=False, elem_id=f"{what}-mask"):
        painted = gr.ImageEditor(
            label=wanted, type="numpy", sources=(), transforms=(), layers=False, canvas_size=(CANVAS, CANVAS),
            brush=gr.Brush(default_size=24, colors=["#ff0080"], color_mode="fixed"), elem_id=f"painted-{what}",
        )  # fmt: skip
    painted.preprocess = read
    painted.accept_blobs = None  # a way past the uploads, into memory that nobody frees; this page does not take it
    of.change(_canvas, of, painted, api_name=False, show_progress="hidden")
    return painted


def choice(recipes: Sequence[Recipe]) -> gr.CheckboxGroup | gr.Dropdown:
    """Of recipes: at first a dense one and a compressed one of the same model."""
    names = [one.name for one in recipes]
    dense = next((one for one in recipes if one.dense), recipes[0])
    other = next((one for one in recipes if one.is_kin(dense) and not one.dense), None)
    value = [dense.name, *([other.name] if other is not None else [])]
    if len(names) <= BOXES:
        return gr.CheckboxGroup(names, value=value, label="Recipes", elem_id="recipes")
    label = f"Recipes: type to search all {len(names)}"
    return gr.Dropdown(names, value=value, multiselect=True, label=label, elem_id="recipes")


def options(recipes: Sequence[Recipe], person: gr.Image, limits: Limits) -> list[Any]:
    """What only networks have that paint in steps, inside a mask of the person; nothing where none is offered."""
    own = next((one.sampling for one in recipes if one.sampling is not None), None)
    if own is None:
        return []
    painted = editor("person", person)
    with gr.Accordion("Steps, guidance and seed (networks that paint in steps)", open=False, elem_id="sampling"):
        custom = gr.Checkbox(
            False, label="Choose steps and guidance myself", elem_id="custom",
            info="Otherwise each recipe paints in the steps, and with the guidance, that it was made for.",
        )  # fmt: skip
        most = min(own["steps"], limits.steps)
        sliders = [
            gr.Slider(1, limits.steps, most, step=1, label="Steps", elem_id="steps", interactive=False),
            gr.Slider(
                0, STRONGEST, own["guidance"], step=0.1, label="Guidance (1: none)", elem_id="guidance",
                interactive=False,
            ),
        ]  # fmt: skip
        seed = gr.Number(own["seed"], label="Seed", precision=0, minimum=0, maximum=LARGEST_SEED, elem_id="seed")
    custom.change(
        lambda on: [gr.Slider(interactive=on) for _ in sliders], custom, sliders, api_name=False,
        show_progress="hidden", queue=False,
    )  # fmt: skip
    return [painted, custom, *sliders, seed]


def results() -> tuple[gr.Column, list[Any]]:
    """Hidden until there are some: empty galleries would take a screen and say nothing."""
    with gr.Column(visible=False) as shown:
        pictures = _gallery("Results", "results")
        figures = gr.HTML(elem_classes="figures", elem_id="figures")
        with gr.Row():
            left = gr.Dropdown([], label="Slider, left", elem_id="left")
            right = gr.Dropdown([], label="Slider, right", elem_id="right")
        slider = gr.ImageSlider(label="Two results", format="png", interactive=False, elem_id="slider")
        apart = _gallery("Difference to the dense result ×3", "apart")
    kept = gr.State({})
    for side in (left, right):
        side.input(slide, [kept, left, right], slider, api_name=False, queue=False)
    return shown, [pictures, figures, apart, kept, left, right, slider]


def _gallery(label: str, name: str) -> gr.Gallery:
    return gr.Gallery(
        label=label, columns=4, height=380, object_fit="contain", format="png", interactive=False, elem_id=name,
        buttons=["download", "fullscreen"],
    )  # fmt: skip


def _canvas(photo: Image | None) -> dict[str, Any] | None:
    """The photo to paint on, with nothing painted yet."""
    return None if photo is None else {"background": canvas_of(photo), "layers": [], "composite": None}
