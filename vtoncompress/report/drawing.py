"""Figures: drawn once, shown in the page as SVG with real text, and kept as SVG and PNG."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 5.4, 4.1  # inches; three in a row, or at a phone's width, its text is still read
LINE = 0.21  # of one line of a legend
BAR = 0.27  # inches of one of many bars
SMALL = 9  # points
LONGEST = 32  # characters of a name beside its bar
WIDEST = 52  # characters of a legend's line
HOLLOW = "hollow: disturbed while timed, or timed on another machine"
DPI = 150
# Told apart by the colour-blind too (Okabe and Ito, without the yellow that white swallows).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HEADER = re.compile(r"^.*?(?=<svg)", re.DOTALL)
METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
# Names of groups repeat from figure to figure, and a page has each name once.
GROUP = re.compile(r'<g id="[^"]*"')
# Matplotlib opens links in another tab, where a point is to lead to its row on the page.
LINK = re.compile(r'<a xlink:href="#row-([^"]*)" target="[^"]*">')


@dataclass(frozen=True)
class Drawing:
    """A finished figure.

    Attributes:
        name: of its files, without a suffix.
        title: what it shows, in words that stand for it where it can't be seen.
        svg: a whole file.
        png: a whole file.
    """

    name: str
    title: str
    svg: str
    png: bytes

    @property
    def inline(self) -> str:
        """The SVG as an element of a page, with its title for who can't see it."""
        text = GROUP.sub("<g", METADATA.sub("", HEADER.sub("", self.svg)))
        text, links = LINK.subn(r'<a xlink:href="#row-\1" aria-label="row \1"><title>\1</title>', text)
        role = "group" if links else "img"  # what is within an image can't be reached
        return text.replace("<svg ", f'<svg role="{role}" aria-label="{_attribute(self.title)}" ', 1)


def draw(name: str, title: str, paint: Callable[[Axes], None], height: float = HEIGHT) -> Drawing:
    """A figure of one plot, on which ``paint`` draws; ``height`` in inches. The same content gives the same files."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with _style(name):
        figure, axes = _figure(height)
        paint(axes)
        axes.spines[["top", "right"]].set_visible(False)
        figure.draw_without_rendering()
        # Laid out once; savefig would do it again for each file and draw everything twice.
        figure.set_layout_engine("none")
        text, picture = io.StringIO(), io.BytesIO()
        told = {"Date": None, "Creator": f"matplotlib {matplotlib.__version__}"}
        FigureCanvasSVG(figure).print_svg(text, metadata=told)
        figure.set_dpi(DPI)
        FigureCanvasAgg(figure).print_png(picture)
    return Drawing(name, title, text.getvalue(), picture.getvalue())


def legend(axes: Axes, handles: list[Any], columns: int = 1) -> None:
    """Below the plot, where it hides nothing."""
    if handles:
        axes.figure.legend(handles=handles, loc="outside lower left", ncols=columns, frameon=False)


def look(index: int) -> tuple[str, str]:
    """Colour and marker of a kind of points; both together come again after 49."""
    return COLOURS[index % len(COLOURS)], MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]


def beside_bar(name: str) -> str:
    """As much of a row's name as fits there."""
    return ending(name, LONGEST)


def ending(name: str, longest: int = WIDEST) -> str:
    """Of a name of more characters its end: a search's are longer than a figure is wide, and differ there."""
    return name if len(name) <= longest else f"…{name[1 - longest :]}"


def _figure(height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # not pyplot, which looks for a display

    figure = Figure((WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


@contextmanager
def _style(name: str) -> Iterator[None]:
    import matplotlib

    options: Any = {
        "font.size": 11, "axes.titlesize": 11, "legend.fontsize": 10, "svg.fonttype": "none", "svg.hashsalt": name,
        "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "axes.grid": True, "grid.color": "#e5e5e5",
        "axes.axisbelow": True, "text.parse_math": False,
    }  # fmt: skip
    with matplotlib.rc_context(options):
        yield


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
