"""Masks by the user's own networks: one that parses people and their clothes, one that finds body parts.

Rules as in the field: the old garment and the limbs it may leave bare are painted anew, with a margin; head, hands and
feet, shoes and bags stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vtoncompress.data.base import Image
from vtoncompress.masking.agnostic import MARGIN, agnostic_mask
from vtoncompress.masking.base import KINDS, Masker
from vtoncompress.masking.label_network import LabelNetwork

# Classes of the two data sets that human parsers are trained on, in the order of their numbers.
CLASSES = {
    "atr": (
        "background", "hat", "hair", "glasses", "top", "skirt", "trousers", "dress", "belt", "shoe", "shoe", "face",
        "leg", "leg", "arm", "arm", "bag", "scarf",
    ),
    "lip": (
        "background", "hat", "hair", "glove", "glasses", "top", "dress", "coat", "socks", "trousers", "jumpsuit",
        "scarf", "skirt", "face", "arm", "arm", "leg", "leg", "shoe", "shoe",
    ),
}  # fmt: skip
PAINTED = {
    "upper": {"top", "coat", "dress", "jumpsuit", "scarf", "arm"},
    "lower": {"skirt", "trousers", "dress", "jumpsuit", "belt", "leg", "socks"},
}
KEPT = {"hat", "hair", "glasses", "face", "glove", "bag", "shoe"}
# DensePose's numbers: 1, 2 trunk; 3, 4 hands; 5, 6 feet; 7 to 14 legs; 15 to 22 arms; 23, 24 head.
DENSEPOSE_CLASSES = 25
PAINTED_PARTS = {"upper": {1, 2, *range(15, 23)}, "lower": {*range(7, 15)}}
KEPT_PARTS = {3, 4, 5, 6, 23, 24}


class Parsing(Masker):
    """Paints anew what the parser and the body-part network say is the garment's place.

    Args:
        garment: ``upper``, ``lower`` or ``overall``.
        parser: file of the parser, ``.onnx`` or ``.xml``.
        classes: which it knows, ``atr`` or ``lip``.
        body_parts: file of a network of DensePose's 25 parts, over the whole picture; None does without.
        margin: see :func:`vtoncompress.masking.agnostic.agnostic_mask`.
        parser_input, body_parts_input: ``size``, ``mean``, ``deviation``, ``channels`` of
            :class:`vtoncompress.masking.label_network.LabelNetwork`.

    Raises:
        ValueError: an option out of range, or a file that is missing or can't be run.
    """

    def __init__(
        self,
        garment: str,
        parser: Path | str | None,
        classes: str,
        body_parts: Path | str | None,
        margin: float = MARGIN,
        *,
        parser_input: Mapping[str, Any],
        body_parts_input: Mapping[str, Any],
    ) -> None:
        if garment not in KINDS:
            raise ValueError(f"masking.garment={garment}: choose one of {', '.join(KINDS)}")
        if classes not in CLASSES:
            raise ValueError(f"masking.classes={classes}: choose one of {', '.join(CLASSES)}")
        if not 0 <= margin <= 0.2:
            raise ValueError(f"masking.margin={margin}: use 0 to 0.2 of the picture's height")
        if parser is None:
            raise ValueError(
                "masking=parsing needs a human parser of yours: masking.parser=FILE (docs/cat_vton.md says how to "
                "convert one)"
            )
        self.garment, self.margin, names = garment, margin, CLASSES[classes]
        self._parser = LabelNetwork(parser, len(names), **parser_input)
        self._parts = body_parts and LabelNetwork(
            body_parts, DENSEPOSE_CLASSES, **body_parts_input, option="body_parts_input"
        )
        painted, parts = _of(PAINTED, garment), _of(PAINTED_PARTS, garment)
        self._painted_labels, self._kept_labels = (np.array([n in some for n in names]) for some in (painted, KEPT))
        self._painted_parts, self._kept_parts = (
            np.array([n in some for n in range(DENSEPOSE_CLASSES)]) for some in (parts, KEPT_PARTS)
        )

    def __call__(self, person: Image) -> Image:
        labels = self._parser(person)
        painted, kept = self._painted_labels[labels], self._kept_labels[labels]
        if self._parts:
            parts = self._parts(person)
            painted, kept = painted | self._painted_parts[parts], kept | self._kept_parts[parts]
        if not painted.any():
            raise ValueError(
                f"the parser finds nothing of an {self.garment} garment in this photo: give the mask with "
                "person_mask=FILE, or another masking.garment"
            )
        return agnostic_mask(painted, kept, self.margin)

    def files(self) -> dict[str, list[Path]]:
        """The user's files by network, for a table of sizes: they are part of what is deployed, and not ours."""
        networks = {"parser": self._parser, **({"body parts": self._parts} if self._parts else {})}
        return {name: network.files() for name, network in networks.items()}


def _of(rules: Mapping[str, set[Any]], garment: str) -> set[Any]:
    return rules["upper"] | rules["lower"] if garment == "overall" else rules[garment]
