"""Correlation and its gradient on a CPU: the loops, compiled by numba.

Rows are handled in blocks. Some channels of a block and of what it reaches are copied side by side, with the zeros
beyond the picture; then they are read many times from the nearest cache, with sums that stay in registers.

All arrays are contiguous float32, flattened. The machine code is kept in ``__pycache__`` (or numba's own folder where
that can't be written) for as long as this file is not changed: after a change of ``lanes.py``, touch this one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from vtoncompress.model.pf_afn.correlation.lanes import (
    LANES,
    add_product,
    floats_at,
    load,
    number_from,
    store,
    zeros,
)

CHANNELS = 32
"""Channels that are copied at a time: with them a row of both maps stays in 48 KiB at usual widths."""
SHIFTS = 7
"""Displacements in :func:`_seven`."""
SUMS = 8
"""Channels in :func:`_blend`; divides :data:`CHANNELS`."""

TOLD = 15
"""Numbers that a thread of a team is told, see :func:`correlate_share`."""

compiled: Any = njit(nogil=True, cache=True, error_model="numpy")
callback: Any = cfunc(types.void(types.CPointer(types.int64)), nopython=True, cache=True)


@compiled
def correlate(first, second, cost, channels, height, width, displacement, rows, begin, end):  # type: ignore[no-untyped-def]
    """Fill ``cost`` (N, (2d + 1)^2, H, W) for some blocks of rows.

    Args:
        first, second: (N, C, H, W).
        channels, height, width, displacement: C, H, W, d.
        rows: in a block.
        begin, end: range of blocks, counted through all samples.
    """
    window = 2 * displacement + 1
    blocks = -(-height // rows)
    pairs = -(-rows // 2)
    wide = -(-width // LANES) * LANES
    reach = wide + -(-2 * displacement // LANES) * LANES
    near = np.zeros(2 * pairs * CHANNELS * wide, np.float32)
    far = np.zeros((2 * pairs + 2 * displacement) * CHANNELS * reach, np.float32)
    # A pair of rows reaches window + 1 rows; of these each of both has one too many, whose sums nobody reads.
    sums = np.empty(2 * pairs * (window + 1) * window * wide, np.float32)
    for task in range(begin, end):
        sample, top = task // blocks, task % blocks * rows
        count = min(rows, height - top)
        sums[:] = 0
        for start in range(0, channels, CHANNELS):
            some, place = min(CHANNELS, channels - start), (sample * channels + start) * height * width
            _pack(first, place, some, height, width, top, count, near, 0, wide)
            _pack(second, place, some, height, width, top - displacement, count + window - 1, far, displacement, reach)
            for row in range(0, count, 2):
                for reached in range(window + 1):
                    from_far, to = (row + reached) * CHANNELS * reach, (row * (window + 1) + reached) * window * wide
                    _shifts(near, row * CHANNELS * wide, wide, far, from_far, reach, sums, to, window, some)
        for row in range(count):
            for shift in range(window * window):
                to = ((sample * window * window + shift) * height + top + row) * width
                _copy(sums, ((row * (window + 1) + row % 2) * window + shift) * wide, cost, to, width)


@compiled
def blend(weights, image, result, channels, height, width, displacement, rows, begin, end, turned):  # type: ignore[no-untyped-def]
    """Fill ``result`` (N, C, H, W): every pixel the sum of those in its reach in ``image``, weighted.

    Args:
        weights: (N, (2d + 1)^2, H, W), those of the pixel that sums; with ``turned``, of the pixel that is summed.
        image: (N, C, H, W).
        channels, height, width, displacement, rows, begin, end: as of :func:`correlate`.
        turned: see ``weights``.
    """
    window = 2 * displacement + 1
    blocks = -(-height // rows)
    wide = -(-width // LANES) * LANES
    reach = wide + -(-2 * displacement // LANES) * LANES
    shares = np.zeros(rows * window * window * wide, np.float32)
    far = np.zeros((rows + 2 * displacement) * CHANNELS * reach, np.float32)
    sums = np.empty(rows * CHANNELS * wide, np.float32)
    for task in range(begin, end):
        sample, top = task // blocks, task % blocks * rows
        count = min(rows, height - top)
        place = sample * window * window * height * width
        if turned:
            _pack_turned(weights, place, height, width, displacement, top, count, shares, wide)
        else:
            for row in range(count):
                for shift in range(window * window):
                    source = place + (shift * height + top + row) * width
                    _copy(weights, source, shares, (row * window * window + shift) * wide, width)
        for start in range(0, channels, CHANNELS):
            some, place = min(CHANNELS, channels - start), (sample * channels + start) * height * width
            _pack(image, place, some, height, width, top - displacement, count + window - 1, far, displacement, reach)
            for row in range(count):
                for channel in range(0, some, SUMS):
                    source, to = (row * CHANNELS + channel) * reach, (row * CHANNELS + channel) * wide
                    _blend(shares, row * window * window * wide, wide, far, source, reach, sums, to, window)
            for channel in range(some):
                for row in range(count):
                    to = place + (channel * height + top + row) * width
                    _copy(sums, (row * CHANNELS + channel) * wide, result, to, width)


@compiled
def _copy(source, begin, target, to, count):  # type: ignore[no-untyped-def]
    whole = count // LANES * LANES
    for x in range(0, whole, LANES):
        store(target, to + x, load(source, begin + x))
    for x in range(whole, count):
        target[to + x] = source[begin + x]


@compiled
def _pack(source, begin, channels, height, width, top, rows, target, margin, stride):  # type: ignore[no-untyped-def]
    """Rows of some channels, by row and then by channel; those beyond the picture as zeros."""
    for channel in range(channels):
        for row in range(rows):
            to = (row * CHANNELS + channel) * stride + margin
            if 0 <= top + row < height:
                _copy(source, begin + (channel * height + top + row) * width, target, to, width)
            else:
                target[to : to + width] = 0


@compiled
def _pack_turned(weights, begin, height, width, displacement, top, rows, target, wide):  # type: ignore[no-untyped-def]
    """Rows of weights by what they belong to on the far side: those of p for p + s become those of p + s for -s."""
    window = 2 * displacement + 1
    for row in range(rows):
        for shift in range(window * window):
            dy, dx = shift // window - displacement, shift % window - displacement
            to = (row * window * window + window * window - 1 - shift) * wide
            target[to : to + wide] = 0
            y, x = top + row - dy, max(0, dx)
            count = width - abs(dx)
            if 0 <= y < height and count > 0:
                _copy(weights, begin + (shift * height + y) * width + x - dx, target, to + x, count)


@compiled
def _shifts(near, here, wide, far, there, reach, sums, to, window, channels):  # type: ignore[no-untyped-def]
    """Add to the sums of a pair of rows against another row, of all displacements to the side."""
    for x in range(0, wide, LANES):
        shift = 0
        while shift + SHIFTS <= window:
            _seven(near, here + x, wide, far, there + x + shift, reach, sums, to + x + shift * wide, window, channels)
            shift += SHIFTS
        while shift < window:
            _one(near, here + x, wide, far, there + x + shift, reach, sums, to + x + shift * wide, window, channels)
            shift += 1


@compiled
def _one(near, here, wide, far, there, reach, sums, to, window, channels):  # type: ignore[no-untyped-def]
    below, to_b = CHANNELS * wide, to + (window + 1) * window * wide
    a, b = load(sums, to), load(sums, to_b)
    for _ in range(channels):
        shifted = load(far, there)
        a, b = add_product(a, load(near, here), shifted), add_product(b, load(near, here + below), shifted)
        here, there = here + wide, there + reach
    store(sums, to, a)
    store(sums, to_b, b)


@compiled
def _seven(near, here, wide, far, there, reach, sums, to, window, channels):  # type: ignore[no-untyped-def]
    """14 sums in registers: enough of them hide how long a product takes. What is far lies across two lines of the
    cache, which makes it the slowest to load; both rows share it.
    """
    below, to_b = CHANNELS * wide, to + (window + 1) * window * wide
    a0, b0 = load(sums, to), load(sums, to_b)
    a1, b1 = load(sums, to + wide), load(sums, to_b + wide)
    a2, b2 = load(sums, to + 2 * wide), load(sums, to_b + 2 * wide)
    a3, b3 = load(sums, to + 3 * wide), load(sums, to_b + 3 * wide)
    a4, b4 = load(sums, to + 4 * wide), load(sums, to_b + 4 * wide)
    a5, b5 = load(sums, to + 5 * wide), load(sums, to_b + 5 * wide)
    a6, b6 = load(sums, to + 6 * wide), load(sums, to_b + 6 * wide)
    for _ in range(channels):
        a, b = load(near, here), load(near, here + below)
        shifted = load(far, there)
        a0, b0 = add_product(a0, a, shifted), add_product(b0, b, shifted)
        shifted = load(far, there + 1)
        a1, b1 = add_product(a1, a, shifted), add_product(b1, b, shifted)
        shifted = load(far, there + 2)
        a2, b2 = add_product(a2, a, shifted), add_product(b2, b, shifted)
        shifted = load(far, there + 3)
        a3, b3 = add_product(a3, a, shifted), add_product(b3, b, shifted)
        shifted = load(far, there + 4)
        a4, b4 = add_product(a4, a, shifted), add_product(b4, b, shifted)
        shifted = load(far, there + 5)
        a5, b5 = add_product(a5, a, shifted), add_product(b5, b, shifted)
        shifted = load(far, there + 6)
        a6, b6 = add_product(a6, a, shifted), add_product(b6, b, shifted)
        here, there = here + wide, there + reach
    store(sums, to, a0), store(sums, to_b, b0)
    store(sums, to + wide, a1), store(sums, to_b + wide, b1)
    store(sums, to + 2 * wide, a2), store(sums, to_b + 2 * wide, b2)
    store(sums, to + 3 * wide, a3), store(sums, to_b + 3 * wide, b3)
    store(sums, to + 4 * wide, a4), store(sums, to_b + 4 * wide, b4)
    store(sums, to + 5 * wide, a5), store(sums, to_b + 5 * wide, b5)
    store(sums, to + 6 * wide, a6), store(sums, to_b + 6 * wide, b6)


@compiled
def _blend(shares, here, wide, far, there, reach, sums, to, window):  # type: ignore[no-untyped-def]
    """The sums of a row, of eight channels at a time in registers."""
    for x in range(0, wide, LANES):
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zeros()
        for dy in range(window):
            for dx in range(window):
                share = load(shares, here + (dy * window + dx) * wide + x)
                place = there + dy * CHANNELS * reach + dx + x
                a0 = add_product(a0, share, load(far, place))
                a1 = add_product(a1, share, load(far, place + reach))
                a2 = add_product(a2, share, load(far, place + 2 * reach))
                a3 = add_product(a3, share, load(far, place + 3 * reach))
                a4 = add_product(a4, share, load(far, place + 4 * reach))
                a5 = add_product(a5, share, load(far, place + 5 * reach))
                a6 = add_product(a6, share, load(far, place + 6 * reach))
                a7 = add_product(a7, share, load(far, place + 7 * reach))
        store(sums, to + x, a0)
        store(sums, to + x + wide, a1)
        store(sums, to + x + 2 * wide, a2)
        store(sums, to + x + 3 * wide, a3)
        store(sums, to + x + 4 * wide, a4)
        store(sums, to + x + 5 * wide, a5)
        store(sums, to + x + 6 * wide, a6)
        store(sums, to + x + 7 * wide, a7)


@compiled
def _share(told):  # type: ignore[no-untyped-def]
    """The arrays, and the blocks of the thread that asks, in a team that may be smaller than what was asked for."""
    thread, team = number_from(told[0]), number_from(told[1])
    one, other = carray(floats_at(told[3]), (told[6],)), carray(floats_at(told[4]), (told[7],))
    result = carray(floats_at(told[5]), (told[8],))
    return one, other, result, told[2] * thread // team, told[2] * (thread + 1) // team


@callback
def correlate_share(told):  # type: ignore[no-untyped-def]
    """:func:`correlate` in one thread of a team.

    Args:
        told: addresses of ``omp_get_thread_num`` and ``omp_get_num_threads``, blocks, addresses of three arrays, their
            sizes, then channels, height, width, displacement and rows as of :func:`correlate`, at last ``turned``.
    """
    told = carray(told, (TOLD,))
    first, second, cost, begin, end = _share(told)
    correlate(first, second, cost, told[9], told[10], told[11], told[12], told[13], begin, end)


@callback
def blend_share(told):  # type: ignore[no-untyped-def]
    """:func:`blend` in one thread of a team, told as :func:`correlate_share` is."""
    told = carray(told, (TOLD,))
    weights, image, result, begin, end = _share(told)
    blend(weights, image, result, told[9], told[10], told[11], told[12], told[13], begin, end, told[14] != 0)
