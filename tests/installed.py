"""Installing packages to a folder, and running Python and ``lr-lightning`` with them."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

OFFLINE = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")

# Runs commands one after the other in one process, which imports torch once, and prints exit codes and outputs.
_RUN_COMMANDS = """
import contextlib, io, json, sys
from lr_lightning.cli import main

found = []
for words in json.load(sys.stdin):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            main(words)
            code = 0
        except SystemExit as stopped:
            code = stopped.code or 0
    found.append([code, printed.getvalue()])
print(json.dumps(found))
"""


class Outcome(NamedTuple):
    """Exit code and output of a command."""

    code: int
    printed: str


def run_python(arguments: Sequence[str], folder: Path, *sites: Path, text: str = "") -> str:
    """Return the output of Python, run in ``folder`` with the packages in ``sites`` before all others."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sites)), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_commands(commands: Sequence[str], folder: Path, *sites: Path) -> list[Outcome]:
    """Run commands of ``lr-lightning``, words separated by spaces, in one process."""
    words = [command.split() for command in commands]
    printed = run_python(["-c", _RUN_COMMANDS], folder, *sites, text=json.dumps(words))
    return [Outcome(*found) for found in json.loads(printed.splitlines()[-1])]


def install(source: Path, site: Path) -> None:
    """Install a project, or a wheel, to the folder ``site``."""
    run_python(["-m", "pip", "install", *OFFLINE, "--target", str(site), str(source)], site)
