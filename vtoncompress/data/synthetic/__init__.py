"""Try-on data drawn by the code, with exact truth, flow, mask, parse labels, keypoints and body parts.

person, garment  numbers, drawn at random          cut, fabric, layer  a garment's shape and colours, laid flat
frame            coordinates on a posed person     body, head          the person without the top
shop             the in-shop picture               worn                the deformation, and the dressed person
canvas           antialiased shapes                pair                the data set
"""

from vtoncompress.data.synthetic.garment import Garment, sample_garment
from vtoncompress.data.synthetic.pair import Synthetic
from vtoncompress.data.synthetic.parts import KEYPOINTS, BodyPart, Label
from vtoncompress.data.synthetic.person import Person, sample_person
from vtoncompress.data.synthetic.shop import draw_garment
from vtoncompress.data.synthetic.worn import Dressed, draw_person

__all__ = [
    "KEYPOINTS", "BodyPart", "Dressed", "Garment", "Label", "Person", "Synthetic",
    "draw_garment", "draw_person", "sample_garment", "sample_person",
]  # fmt: skip
