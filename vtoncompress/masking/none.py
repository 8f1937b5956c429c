"""No automatic mask: every call is given one."""

from __future__ import annotations

from typing import Any

from vtoncompress.data.base import Image
from vtoncompress.masking.base import Masker


class NoMasker(Masker):
    """Asks for a mask. Takes the options of the others, so that they compose."""

    def __init__(self, **_: Any) -> None:
        pass

    def __call__(self, person: Image) -> Image:
        raise ValueError(
            "this network paints inside a mask of the person and none is given: person_mask=FILE gives one, "
            "masking=plain_background or masking=parsing makes one"
        )
