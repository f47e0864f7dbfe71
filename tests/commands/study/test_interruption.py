"""Ctrl-C in the terminal of a study: real processes, whose jobs hang."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from lr_lightning.study.layout import StudyFolder
from lr_lightning.study.manifest import write_manifest
from lr_lightning.testing.synthetic_study import synthetic_manifest
from tests.study.jobs import noted, wait_until_dead

COMMAND = """
import sys
from lr_lightning.commands.study import driving
from lr_lightning.commands.study.command import main
from lr_lightning.study.engines import choice
from tests.study.jobs import work

driving.run_job = work
choice.visible_gpus = lambda: ()  # without PyTorch, which takes seconds to import
sys.exit(main(["retry", "hanging", "--jobs", "1"]))
"""


def test_ctrl_c_ends_the_command_and_its_workers_with_one_sentence(tmp_path: Path) -> None:
    manifest = synthetic_manifest(1, 1, 1, 2, name="hanging")
    [cell] = manifest.cells
    cell = type(cell)(**vars(cell) | {"label": "hang"})
    write_manifest(StudyFolder(Path("studies"), "hanging"), type(manifest)(**vars(manifest) | {"cells": (cell,)}))
    for seed in (0, 1):
        path = Path("studies/runs") / cell.identity / f"seed_{seed}" / "failure.json"
        path.parent.mkdir(parents=True)
        path.write_text('{"format": 1, "state": "failed", "sentence": "before"}')
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = noted(Path("studies"), "hang_0").values()
    os.killpg(command.pid, signal.SIGINT)  # as a terminal does
    out, error = command.communicate(timeout=60)
    wait_until_dead(*workers)
    assert command.returncode == 130
    assert out == ""
    assert error.count("\n") == 1
    assert error.endswith("to go on: lr-lightning study retry hanging --jobs 1\n")
