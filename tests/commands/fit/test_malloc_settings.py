"""Memory freed by a step is kept for the next one."""

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, sys
import numpy as np
from lr_lightning.commands.fit.malloc_settings import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for step in range(30):
    if step == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(20 << 20, dtype=np.uint8) for _ in range(4)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode: str) -> int:
    """Return the number of pages zeroed in 20 steps with 80 MiB of arrays, in a separate process."""
    command = [sys.executable, "-c", STEPS, mode]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_steps_fault_no_pages_once_freed_memory_is_kept() -> None:
    # Without it the count depends on where the system put the heap: anything up to 20 x 20,480. So several tries.
    assert max(page_faults("plain") for _ in range(8)) > 20_000
    assert max(page_faults("keep") for _ in range(4)) < 1_000
