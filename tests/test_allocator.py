"""Memory that is kept costs no page faults when it is used again. No time is asserted."""

from __future__ import annotations

import resource

import pytest
import torch

from vtoncompress.allocator import ANEW, KEPT, KNOWN, memory


@pytest.mark.skipif(not KNOWN, reason="another C library")
def test_memory_is_kept_or_taken_anew() -> None:
    faults = {}
    for how in (ANEW, KEPT):
        with memory(how) as told:
            assert told == how
            torch.ones(2_000_000)  # kept from here on
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            for _ in range(20):
                torch.ones(2_000_000)  # 8 MB, given back at once
            faults[how] = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert faults[ANEW] > 20 * max(1, faults[KEPT]), faults
