"""Blocks of rows shared out among the threads that torch's own operations run in.

Those spin for a while after an operation, ready for the next one. Threads of ours beside them would wait for a core, so
that a correlation right after a convolution would take twice as long.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def share_out(
    run: Callable[..., None],
    share: Any,
    arrays: tuple[NDArray[np.float32], ...],
    sizes: tuple[int, ...],
    blocks: int,
    threads: int,
    *options: bool,
) -> None:
    """Call the kernel on all blocks, by several threads at once.

    Args:
        run: takes arrays, sizes, first and last block and options.
        share: the same as a callback of numba's, for one thread of an OpenMP team.
        arrays: three, flat and contiguous.
        sizes: five.
        blocks: their number.
        threads: how many, this one included.
        options: at most one.
    """
    openmp = _openmp() if threads > 1 else None
    if openmp is None:
        _in_pool(run, arrays, sizes, blocks, threads, options)
        return
    places, lengths = [array.ctypes.data for array in arrays], [array.size for array in arrays]
    turned = options or (False,)
    told = np.array([*_team_functions(openmp), blocks, *places, *lengths, *sizes, *turned], np.int64)
    openmp.GOMP_parallel(share.address, told.ctypes.data, threads, 0)


@functools.cache
def _openmp() -> ctypes.CDLL | None:
    """The GNU OpenMP library that this torch brings and runs in; None where it runs in another, as on macOS."""
    brought = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    if not brought:
        return None
    openmp = ctypes.CDLL(str(brought[0]))
    openmp.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    openmp.GOMP_parallel.restype = None
    return openmp


@functools.cache
def _team_functions(openmp: ctypes.CDLL) -> tuple[int, int]:
    """Addresses of what tells a thread its number and that of its team."""
    number, team = (
        ctypes.cast(function, ctypes.c_void_p).value
        for function in (openmp.omp_get_thread_num, openmp.omp_get_num_threads)
    )
    assert number, "a function has an address"
    assert team, "a function has an address"
    return number, team


def _in_pool(
    run: Callable[..., None],
    arrays: tuple[Any, ...],
    sizes: tuple[int, ...],
    blocks: int,
    threads: int,
    options: tuple[bool, ...],
) -> None:
    cuts = [blocks * share // threads for share in range(threads + 1)]
    calls = [(*arrays, *sizes, begin, end, *options) for begin, end in itertools.pairwise(cuts)]
    # numba's own threads abort the process where two of the caller's threads meet in them.
    others = [_pool(os.getpid(), threads - 1).submit(run, *call) for call in calls[1:]]
    run(*calls[0])
    for other in others:
        other.result()


@functools.cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Kept, because starting a thread takes as long as a small correlation; a forked process needs its own."""
    return ThreadPoolExecutor(threads, thread_name_prefix="correlation")
