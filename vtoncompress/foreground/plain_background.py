"""The mask of a garment photographed on one colour, as shops do; no network is needed."""

from __future__ import annotations

from typing import Any

from vtoncompress.data.base import Image
from vtoncompress.foreground.base import Foreground


class PlainBackground(Foreground):
    """:func:`vtoncompress.garment_mask.find_garment`. Takes the options of the others, so that they compose."""

    def __init__(self, **_: Any) -> None:
        pass

    def __call__(self, picture: Image) -> Image:
        # SciPy takes 25 MiB and a sixth of a second to load: only for a garment that came without its mask.
        from vtoncompress.garment_mask import find_garment

        return find_garment(picture)
