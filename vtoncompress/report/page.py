"""The page as one file: markup from a template, style, script, figures and pictures inside it."""

from __future__ import annotations

from pathlib import Path

from vtoncompress.report.content import Content
from vtoncompress.report.origin import config_of

FOLDER = Path(__file__).parent


def render(content: Content, made_of: str) -> str:
    """The page's text; ``made_of`` is the digest that tells whether it is fresh.

    It asks nobody for anything: what it shows is in it, and its links lead to files beside it. Text of records is
    escaped by the template engine; only figures, style and script, which are our own, are markup.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html.j2").render(
        content=content,
        made_of=made_of,
        config_of=config_of,
        # Long names may be broken where their words end.
        broken=lambda name: escape(name).replace("_", Markup("_<wbr>")),
        svg=lambda drawing: Markup(drawing.inline),
        style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),
        script=Markup((FOLDER / "page.js").read_text(encoding="utf-8")),
    )
