"""Labelled pictures that teach and test the shipped feature network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vtoncompress.data.synthetic import Garment, Person, Synthetic, draw_person
from vtoncompress.data.synthetic.garment import NECKLINES, PATTERNS, luminance
from vtoncompress.data.synthetic.person import BOTTOMS, HAIRSTYLES
from vtoncompress.metric.feature_network import SIZE

SLEEVES, LENGTHS, SKINS = (0.1, 1.3, 2.2), (2.5, 2.95), (0.35, 0.5, 0.65, 0.78)
"""Borders between classes: none, short, three-quarter, long sleeves; short to long tops; dark to light skin."""
CLASSES = {
    "pattern": len(PATTERNS),
    "neckline": len(NECKLINES),
    "sleeve": len(SLEEVES) + 1,
    "length": len(LENGTHS) + 1,
    "bottom": len(BOTTOMS),
    "hairstyle": len(HAIRSTYLES),
    "skin": len(SKINS) + 1,
}
COLOURS = ("garment", "bottom")
START = 1_000_000
"""First index of the drawn people: beyond those that any other training or test set uses."""


@dataclass(frozen=True)
class Labelled:
    """(N, 3, 128, 96) uint8 pictures, (N, 7) int64 classes, (N, 6) float32 colours in 0..1."""

    pictures: Tensor
    classes: Tensor
    colours: Tensor


def draw(split: str, count: int) -> Labelled:
    """People in garments, with what they are and wear. ``split`` as :class:`Synthetic` has it."""
    data = Synthetic(split, START + count, *SIZE)
    pictures, classes, colours = [], [], []
    for index in range(START, START + count):
        person, garment, _ = data.parameters(index)
        pictures.append(draw_person(person, garment, *SIZE).image)
        classes.append(_classes(person, garment))
        colours.append([*garment.base, *person.bottom_colour])
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    return Labelled(stacked, torch.tensor(classes), torch.tensor(colours))


def _classes(person: Person, garment: Garment) -> list[int]:
    return [
        PATTERNS.index(garment.pattern),
        NECKLINES.index(garment.neckline),
        int(np.digitize(garment.sleeve, SLEEVES)),
        int(np.digitize(garment.length, LENGTHS)),
        BOTTOMS.index(person.bottom),
        HAIRSTYLES.index(person.hairstyle),
        int(np.digitize(luminance(person.skin), SKINS)),
    ]
