"""Memory that a step frees is there for the next one."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from lr_lightning.commands.memory import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
for step in range(60):
    if step == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(1 << 20) for _ in range(8)]  # 4 MiB each
    del tensors
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_steps_fault_far_fewer_pages() -> None:
    faults = []
    for keep in (False, True):
        code = FAULTS.format(keep=keep)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        faults.append(int(done.stdout))
    # 50 steps of 32 MiB in pages of 4 KiB are 409,600 faults, if all is returned; a few stray ones otherwise.
    assert faults[1] < 0.01 * faults[0]
