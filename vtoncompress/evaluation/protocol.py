"""What must be equal for two quality figures to be compared, beside the pictures themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

PAIRINGS = ("paired", "unpaired")
RESIZINGS = {
    "refuse": "none",
    "bicubic": "Pillow bicubic with antialiasing",
    "lanczos": "Pillow Lanczos with antialiasing",
}
"""What becomes of a picture of another size, and how records call it."""


@final
class Protocol:
    """A convention of the field; ``conf/protocol/`` has those that are known by name.

    Args:
        name: as records name it.
        pairing: ``paired``, where the reference shows the truth, the person in this very garment, under the same file
            name; or ``unpaired``, where the references are just photos of people.
        pairs: number of predictions; None for any.
        size: [height, width] of the predictions; None for any.
        resizing: ``refuse``, ``bicubic`` or ``lanczos``, for pictures of another size.
        repaint: whether the original photo was put back outside of the mask, as the maker of the pictures says; None
            where nobody does. It cannot be seen.
        kid_factor: what the convention multiplies KID by where it is shown; records hold KID itself.
        metric: name -> config of a metric of pictures.

    Raises:
        ValueError: an unknown choice, a size or a number out of range.
    """

    def __init__(
        self,
        name: str,
        pairing: str,
        pairs: int | None,
        size: list[int] | None,
        resizing: str,
        repaint: bool | None,
        kid_factor: int,
        metric: Mapping[str, Mapping[str, Any]],
    ) -> None:
        if pairing not in PAIRINGS:
            raise ValueError(f"protocol.pairing={pairing}: choose one of {', '.join(PAIRINGS)}")
        if resizing not in RESIZINGS:
            raise ValueError(f"protocol.resizing={resizing}: choose one of {', '.join(RESIZINGS)}")
        if pairs is not None and pairs < 2:
            raise ValueError(f"protocol.pairs={pairs}: use 2 or more, or null for any number")
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ValueError(f"protocol.size={size}: give [height,width] in pixels, or null for any")
        if not metric:
            raise ValueError("protocol.metric has no metric: leave it out")
        self.name, self.pairing, self.pairs = name, pairing, pairs
        self.size = None if size is None else (size[0], size[1])
        self.resizing, self.repaint, self.kid_factor, self.metric = resizing, repaint, kid_factor, metric

    def check_count(self, found: int, folder: str) -> None:
        """ValueError where ``folder`` holds another number of pictures than the protocol has pairs."""
        if self.pairs is not None and found != self.pairs:
            raise ValueError(
                f"{folder} has {found} pictures and protocol {self.name} {self.pairs}: complete it, or say "
                f"protocol.pairs={found}, which stands in no column with the protocol's own figures"
            )
        if found < 2:
            raise ValueError(f"{folder} has {found} pictures: two or more are needed")
