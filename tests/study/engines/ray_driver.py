"""A process that drives a job on a Ray cluster, for tests to kill."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_DRIVER = """
import sys
from pathlib import Path
from lr_lightning.study.engines.ray_engine import RayEngine
from lr_lightning.study.manifest import Resources
from tests.study.jobs import make_job, work

root = Path()
engine = RayEngine(work, Resources(), 1, root / "logs", *sys.argv[1:])
engine.submit(make_job(root.absolute(), "hang", 0))
while True:
    engine.wait(60.0)
"""


def start_driver(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """Start a process in the working folder whose job leaves the note ``hang_0`` and then hangs.

    Args:
        arguments: Address of the cluster; none to start one.
        environment: Environment variables.
    """
    environment |= {"PYTHONPATH": str(_ROOT)}
    return subprocess.Popen([sys.executable, "-c", _DRIVER, *arguments], env=os.environ | environment)
