"""Memory that is kept costs no page faults when it is used again. No time is asserted."""

from __future__ import annotations

import resource

import pytest
import torch

from vtoncompress.allocator import ANEW, KEPT, KNOWN, memory


def page_faults() -> int:
    """The fewest of five rounds, this thread's own: others of the process may start and take memory meanwhile."""
    rounds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        for _ in range(20):
            torch.ones(2_000_000)  # 8 MB, given back at once
        rounds.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)
    return min(rounds)


@pytest.mark.skipif(not KNOWN, reason="another C library")
def test_memory_is_kept_or_taken_anew() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # those who fill the memory meet the faults
    try:
        faults = {}
        for how in (ANEW, KEPT):
            with memory(how) as told:
                assert told == how
                faults[how] = page_faults()
    finally:
        torch.set_num_threads(threads)
    assert faults[ANEW] > 20 * max(1, faults[KEPT]), faults
