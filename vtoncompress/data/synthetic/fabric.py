"""The colours of a garment over its flat frame: the pattern, what is printed on it, and the trim."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data.synthetic.canvas import Array, blend, cover, ellipse, plain, smoothstep
from vtoncompress.data.synthetic.garment import Garment


def _chest(garment: Garment) -> float:
    """v of the centre of a print, which stays clear of a deep neckline."""
    return 1.02 + max(garment.neck_depth - 0.5, 0.0)


# Rows of 5 bits, top to bottom, one hexadecimal pair a row.
_FONT = {
    "A": "0E11111F111111", "B": "1E11111E11111E", "C": "0E11101010110E", "D": "1E11111111111E", "E": "1F10101E10101F",
    "F": "1F10101E101010", "G": "0E11101711110F", "H": "1111111F111111", "I": "0E04040404040E", "K": "11121418141211",
    "L": "1010101010101F", "M": "111B1515111111", "N": "11191513111111", "O": "0E11111111110E", "P": "1E11111E101010",
    "R": "1E11111E141211", "S": "0F10100E01011E", "T": "1F040404040404", "U": "1111111111110E", "V": "11111111110A04",
    "W": "1111111515150A", "X": "11110A040A1111", "Y": "1111110A040404", "Z": "1F01020408101F",
}  # fmt: skip


def _word_bitmap(word: str) -> NDArray[np.float32]:
    """(9, 6 n + 1) with ones in the strokes and an empty border."""
    bitmap = np.zeros((9, 6 * len(word) + 1), np.float32)
    for place, letter in enumerate(word):
        for row, bits in enumerate(bytes.fromhex(_FONT[letter])):
            for column in range(5):
                bitmap[1 + row, 1 + 6 * place + column] = bits >> (4 - column) & 1
    return bitmap


def _word(word: str, u: Array, v: Array, half_width: float, top: float, height: float) -> Array:
    """Coverage of a word that fills |u| < half_width and top < v < top + height."""
    bitmap = _word_bitmap(word)
    rows, columns = bitmap.shape
    x = np.clip((u + half_width) * ((columns - 1) / (2.0 * half_width)) - 0.001, 0.0, columns - 1.001)
    y = np.clip((v - top) * ((rows - 1) / height), 0.0, rows - 1.001)
    left, up = x.astype(np.int32), y.astype(np.int32)
    dx, dy = x - left, y - up
    upper = bitmap[up, left] * (1 - dx) + bitmap[up, left + 1] * dx
    lower = bitmap[up + 1, left] * (1 - dx) + bitmap[up + 1, left + 1] * dx
    result: Array = np.clip((upper * (1 - dy) + lower * dy) * 2.0 - 0.4, 0.0, 1.0)
    return result


def _bands(x: Array, period: float, duty: float, pixel: float) -> Array:
    """Coverage of bands of width duty x period, repeated along x."""
    turns = x * (1.0 / period)
    distance = np.abs(turns - np.floor(turns) - 0.5) * period - 0.5 * duty * period
    return cover(distance, pixel)


def _emblem(garment: Garment, u: Array, v: Array) -> Array:
    """Distance to the printed emblem, centred on the chest."""
    size = garment.emblem_size
    x, y = u, v - _chest(garment)
    if garment.emblem == "heart":
        wide = np.abs(x) - 0.45 * size
        lobe = np.sqrt(wide * wide + np.square(y + 0.3 * size)) - 0.52 * size
        point = np.maximum((np.abs(x) + y) * 0.7071 - 0.62 * size, -y - 0.3 * size)
        return np.asarray(np.minimum(lobe, np.maximum(point, np.abs(x) - 0.97 * size)))
    if garment.emblem == "star":
        angle, radius = np.arctan2(x, -y), np.sqrt(x * x + y * y)
        fold = np.abs(angle * (2.5 / math.pi) - np.round(angle * (2.5 / math.pi))) * (math.pi / 2.5)
        return np.asarray(radius * np.cos(fold - 0.628) * 0.9 + radius * np.sin(fold) * 0.72 - 0.62 * size)
    if garment.emblem == "blobs":
        first = ellipse(x, y, -0.4 * size, -0.2 * size, 0.5 * size, 0.7 * size)
        second = ellipse(x, y, 0.45 * size, 0.25 * size, 0.55 * size, 0.5 * size)
        return np.minimum(first, second)
    if garment.emblem == "bar":
        return np.asarray(np.maximum(np.abs(x) - 1.25 * size, np.abs(y) - 0.55 * size))
    return ellipse(x, y, 0.0, 0.0, size, size)


def _print(garment: Garment, colour: Array, u: Array, v: Array, pixel: float) -> None:
    """Lay the emblem, with a smaller one of the third colour in it, or the words, over the fabric."""
    if garment.pattern == "emblem":
        distance = _emblem(garment, u, v)
        blend(colour, garment.second, cover(distance, pixel))
        blend(colour, garment.third, cover(distance + 0.4 * garment.emblem_size, pixel))
        return
    height = 0.62 if len(garment.words) == 1 else 0.52
    top = _chest(garment) - 0.5 * height * len(garment.words)
    for row, word in enumerate(garment.words):
        half_width = min(0.115 * len(word) + 0.06, 0.66)
        alpha = _word(word, u, v, half_width, top + row * height, height)
        blend(colour, garment.second if row == 0 else garment.third, alpha)


def fabric(garment: Garment, u: Array, v: Array, pixel: float) -> Array:
    """(3, h, w) colour at the flat points (u, v), (h, w) each; ``pixel`` is a pixel's side in their unit."""
    colour = np.empty((3, *u.shape), np.float32)
    colour[:] = plain(garment.base)
    sine, cosine = math.sin(garment.angle), math.cos(garment.angle)
    period, duty, pattern = garment.period, garment.duty, garment.pattern
    if pattern == "stripes":
        blend(colour, garment.second, _bands(v * cosine + u * sine + garment.phase * period, period, duty, pixel))
    elif pattern == "checks":
        across = _bands(u + 0.5 * period, period * 1.2, 0.5, pixel)
        along = _bands(v + garment.phase * period, period * 1.2, 0.5, pixel)
        blend(colour, garment.second, 0.5 * (across + along))
    elif pattern == "dots":
        row = np.floor(v * (1.0 / period))
        x = u * (1.0 / period) + 0.5 * (row - 2.0 * np.floor(0.5 * row))
        x, y = (x - np.floor(x) - 0.5) * period, v - (row + 0.5) * period
        blend(colour, garment.second, cover(np.sqrt(x * x + y * y) - (0.18 + 0.2 * duty) * period, pixel))
    elif pattern == "gradient":
        blend(colour, garment.second, smoothstep(v * cosine + u * sine, 0.2, 2.6))
    elif pattern in ("emblem", "lettering"):
        _print(garment, colour, u, v, pixel)
    return colour


def trim(garment: Garment, colour: Array, edges: tuple[Array | None, Array | None, Array | None], pixel: float) -> None:
    """Lay collar, cuff and hem bands over the fabric in place; each edge is the distance into the fabric, or None."""
    for edge, width, trimmed in zip(edges, (0.10, 0.12, 0.10), garment.trimmed, strict=True):
        if edge is None:
            continue
        if trimmed:
            blend(colour, garment.trim, cover(edge - width, pixel))
        # A seam: one thin darker line where the band ends.
        colour *= 1.0 - 0.16 * cover(np.abs(edge - width) - 0.012, pixel)
