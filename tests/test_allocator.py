"""Memory that is kept costs no page faults when it is used again. No time is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from vtoncompress.allocator import ANEW, KEPT, KNOWN

# In a process of its own: what other tests leave of threads, devices and memory is not what is asked about.
COUNT = """
import json, resource
import torch
from vtoncompress.allocator import ANEW, KEPT, memory

def faults():
    rounds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(20):
            torch.ones(2_000_000)  # 8 MB, given back at once
        rounds.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(rounds)

found = {}
for how in (ANEW, KEPT):
    with memory(how) as told:
        assert told == how
        found[how] = faults()
print(json.dumps(found))
"""


@pytest.mark.skipif(not KNOWN, reason="another C library")
def test_memory_is_kept_or_taken_anew() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    told = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True, env=environment)
    faults = json.loads(told.stdout)
    assert faults[ANEW] > 20 * max(1, faults[KEPT]), faults
