"""Correlation and its gradient on a CPU: the loops, compiled by numba.

Rows are handled in blocks. Some channels of a block and of what it reaches are copied side by side, with the zeros
beyond the picture; then they are read many times from the second cache, with sums that stay in registers.

All arrays are contiguous float32, flattened. The machine code is kept in ``__pycache__`` (or numba's own folder where
that can't be written) for as long as this file is not changed: after a change of ``lanes.py``, touch this one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from vtoncompress.model.pf_afn.correlation.lanes import (
    LANES,
    add_product,
    floats_at,
    load,
    number_from,
    prefetch,
    store,
    zeros,
)

CHANNELS = 64
"""Channels that are copied at a time: so many that sums are seldom kept and fetched again."""
SHIFTS = 7
"""Displacements to the side whose sums are in registers at a time."""
ROWS_TOGETHER = 3 if LANES == 16 else 1
"""Rows whose sums are in registers at a time: of 16 numbers there are 32 registers, of 8 only 16."""
SUMS = 8
"""Channels in :func:`_blend`; divides :data:`CHANNELS`."""

TOLD = 15
"""Numbers that a thread of a team is told, see :func:`correlate_share`."""


def _kept(compile_with: Callable[[bool], Any]) -> Any:
    """With its machine code kept for the next process; without where no folder can be written, as in a container."""

    def decorate(function: Any) -> Any:
        try:
            return compile_with(True)(function)
        except RuntimeError:  # numba found no place
            return compile_with(False)(function)

    return decorate


compiled: Any = _kept(lambda kept: njit(nogil=True, cache=kept, error_model="numpy"))
inlined: Any = njit(nogil=True, error_model="numpy", inline="always")
callback: Any = _kept(lambda kept: cfunc(types.void(types.CPointer(types.int64)), nopython=True, cache=kept))


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
    wide = -(-width // LANES) * LANES
    reach = wide + -(-2 * displacement // LANES) * LANES
    near = np.zeros(rows * CHANNELS * wide, np.float32)
    far = np.zeros((rows + 2 * displacement) * CHANNELS * reach, np.float32)
    sums = np.empty(rows * window * window * wide, np.float32)
    for task in range(begin, end):
        sample, top = task // blocks, task % blocks * rows
        count = min(rows, height - top)
        sums[:] = 0
        for start in range(0, channels, CHANNELS):
            some, place = min(CHANNELS, channels - start), (sample * channels + start) * height * width
            _pack(first, place, some, height, width, top, count, near, 0, wide)
            _pack(second, place, some, height, width, top - displacement, count + window - 1, far, displacement, reach)
            for row in range(0, count, ROWS_TOGETHER):
                together = min(ROWS_TOGETHER, count - row)
                for reached in range(window + together - 1):
                    # Of these rows the first ones may not reach so far down, and the last ones not so far up.
                    skipped = max(0, reached - window + 1)
                    here, there = (row + skipped) * CHANNELS * wide, (row + reached) * CHANNELS * reach
                    to = ((row + skipped) * window + reached - skipped) * window * wide
                    reaching = min(together, reached + 1) - skipped
                    _shifts(near, here, wide, far, there, reach, sums, to, window, some, reaching)
        for row in range(count):
            for shift in range(window * window):
                to = ((sample * window * window + shift) * height + top + row) * width
                _copy(sums, (row * window * window + shift) * wide, cost, to, width)


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
    """Rows of some channels, by row and then by channel; those beyond the picture as zeros.

    The same rows of the next channel are asked for meanwhile: they lie too far for the processor to foresee.
    """
    for channel in range(channels):
        for row in range(rows):
            to = (row * CHANNELS + channel) * stride + margin
            if 0 <= top + row < height:
                place = begin + (channel * height + top + row) * width
                next_channel = min(place + height * width, source.size - width)
                for x in range(0, width, LANES):
                    prefetch(source, next_channel + x)
                _copy(source, place, target, to, width)
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
def _shifts(near, here, wide, far, there, reach, sums, to, window, channels, rows):  # type: ignore[no-untyped-def]
    """Add to the sums of one to three rows against another row, of all displacements to the side.

    The other row lies one displacement less down for each row than for the one above it.
    """
    below, to_below = CHANNELS * wide, (window - 1) * window * wide
    for x in range(0, wide, LANES):
        shift = 0
        while shift + SHIFTS <= window:
            a, other, to_a = here + x, there + x + shift, to + x + shift * wide
            if rows == 3:
                _three_rows(near, a, below, wide, far, other, reach, sums, to_a, to_below, channels)
            elif rows == 2:
                _two_rows(near, a, below, wide, far, other, reach, sums, to_a, to_below, channels)
            else:
                _row(near, a, wide, far, other, reach, sums, to_a, channels)
            shift += SHIFTS
        while shift < window:
            for row in range(rows):
                a, to_a = here + row * below + x, to + row * to_below + x + shift * wide
                _one_shift(near, a, wide, far, there + x + shift, reach, sums, to_a, channels)
            shift += 1


@compiled
def _one_shift(near, here, wide, far, there, reach, sums, to, channels):  # type: ignore[no-untyped-def]
    total = load(sums, to)
    for _ in range(channels):
        total = add_product(total, load(near, here), load(far, there))
        here, there = here + wide, there + reach
    store(sums, to, total)


@compiled
def _row(near, here, wide, far, there, reach, sums, to, channels):  # type: ignore[no-untyped-def]
    """Seven sums in registers."""
    a = _seven(sums, to, wide)
    for _ in range(channels):
        a = _with_products(a, load(near, here), far, there)
        here, there = here + wide, there + reach
    _keep(sums, to, wide, a)


@compiled
def _two_rows(near, here, below, wide, far, there, reach, sums, to, to_below, channels):  # type: ignore[no-untyped-def]
    """14 sums in registers: enough of them hide how long a product takes. What is far lies across two lines of the
    cache, which makes it the slowest to load; all rows share it.
    """
    a, b = _seven(sums, to, wide), _seven(sums, to + to_below, wide)
    for _ in range(channels):
        a = _with_products(a, load(near, here), far, there)
        b = _with_products(b, load(near, here + below), far, there)
        here, there = here + wide, there + reach
    _keep(sums, to, wide, a)
    _keep(sums, to + to_below, wide, b)


@compiled
def _three_rows(near, here, below, wide, far, there, reach, sums, to, to_below, channels):  # type: ignore[no-untyped-def]
    """21 sums: the loads of three rows take less time than their products, those of two as much."""
    a, b, c = _seven(sums, to, wide), _seven(sums, to + to_below, wide), _seven(sums, to + 2 * to_below, wide)
    for _ in range(channels):
        a = _with_products(a, load(near, here), far, there)
        b = _with_products(b, load(near, here + below), far, there)
        c = _with_products(c, load(near, here + 2 * below), far, there)
        here, there = here + wide, there + reach
    _keep(sums, to, wide, a)
    _keep(sums, to + to_below, wide, b)
    _keep(sums, to + 2 * to_below, wide, c)


@inlined
def _seven(sums, to, wide):  # type: ignore[no-untyped-def]
    return (
        load(sums, to),
        load(sums, to + wide),
        load(sums, to + 2 * wide),
        load(sums, to + 3 * wide),
        load(sums, to + 4 * wide),
        load(sums, to + 5 * wide),
        load(sums, to + 6 * wide),
    )


@inlined
def _with_products(seven, one, far, there):  # type: ignore[no-untyped-def]
    """What is far is loaded once for all rows: the compiler sees that it is the same."""
    return (
        add_product(seven[0], one, load(far, there)),
        add_product(seven[1], one, load(far, there + 1)),
        add_product(seven[2], one, load(far, there + 2)),
        add_product(seven[3], one, load(far, there + 3)),
        add_product(seven[4], one, load(far, there + 4)),
        add_product(seven[5], one, load(far, there + 5)),
        add_product(seven[6], one, load(far, there + 6)),
    )


@inlined
def _keep(sums, to, wide, seven):  # type: ignore[no-untyped-def]
    store(sums, to, seven[0])
    store(sums, to + wide, seven[1])
    store(sums, to + 2 * wide, seven[2])
    store(sums, to + 3 * wide, seven[3])
    store(sums, to + 4 * wide, seven[4])
    store(sums, to + 5 * wide, seven[5])
    store(sums, to + 6 * wide, seven[6])


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
