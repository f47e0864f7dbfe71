"""The page of the command line: what each command prints for ``--help``."""

import os
import re
from contextlib import redirect_stdout
from io import StringIO
from unittest.mock import patch

from lr_lightning.cli import USAGE, main
from reference.tables import block, heading

_COMMANDS = {
    "assay": "Report on a model",
    "score": "Score codes from any framework",
    "compare": "Compare two runs",
    "explore": "Move latents on a page",
    "export": "Share a model",
    "import": "Read a model of another project",
    "configs": "Packaged configs",
    "data": "Data sets",
    "study": "Many runs, one table",
}
_SUBCOMMANDS = {
    "data": ("list", "info", "preview", "render", "prepare"),
    "study": ("list", "run", "retry", "status", "table", "report", "udr", "sync", "search"),
}
_OF_LIGHTNING = ("fit", "validate", "test", "predict")
_TRAINING = """\
``fit``, ``validate``, ``test`` and ``predict`` take a run folder, a checkpoint or ``--config``, and every key of a
config as an option: ``--model.beta 8``. :doc:`config` lists the keys. :doc:`/runs` describes run folders, resuming and
how configs are composed."""


def commands_page() -> str:
    """Return the page."""
    missing = set(re.findall(r"^  ([a-z]+) ", USAGE, re.MULTILINE)) - set(_COMMANDS) - set(_OF_LIGHTNING)
    if missing:
        raise ValueError(f"the page of the command line lacks {', '.join(sorted(missing))}")
    lines = [*heading("Command line", "="), *block(USAGE), *heading("Training and evaluation", "-"), _TRAINING, ""]
    for command, title in _COMMANDS.items():
        lines += [*heading(title, "-"), *block(_help(command))]
        for subcommand in _SUBCOMMANDS.get(command, ()):
            lines += [*heading(f"{command} {subcommand}", "^"), *block(_help(command, subcommand))]
    return "\n".join(lines) + "\n"


def _help(*words: str) -> str:
    """Return what a command prints for ``--help``."""
    printed = StringIO()
    with redirect_stdout(printed), patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}):
        try:
            main([*words, "--help"])
        except SystemExit as end:
            if end.code:
                raise RuntimeError(f"{' '.join(words)} --help failed") from end
    return printed.getvalue()
