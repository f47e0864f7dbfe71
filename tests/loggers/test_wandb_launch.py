"""Runs start without W&B's launch package, unless it has been imported."""

import os
import subprocess
import sys
from pathlib import Path

_START = """
import sys
from lr_lightning.loggers import RunWandbLogger
{before}
logger = RunWandbLogger(".", mode="offline")
logger.log_metrics({{"loss": 1.0}}, step=0)
print("launch", any(name.startswith("wandb.sdk.launch") for name in sys.modules))
logger.finish()
"""
_STAGED = """
from wandb.sdk.launch.inputs.internal import StagedLaunchInputs
StagedLaunchInputs.apply = lambda self, run: print("applied to", type(run).__name__)
"""


def started(folder: Path, before: str = "") -> str:
    """Return the output of a process that logs one value after the code ``before``."""
    variables = {name: value for name, value in os.environ.items() if name != "WANDB_MODE"}
    command = [sys.executable, "-c", _START.format(before=before)]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(folder.glob("wandb/offline-run-*/run-*.wandb"))
    return done.stdout


def test_the_launch_package_is_not_imported(tmp_path: Path) -> None:
    assert "launch False" in started(tmp_path)


def test_staged_inputs_are_applied(tmp_path: Path) -> None:
    assert "applied to Run" in started(tmp_path, _STAGED)
