"""``lr-lightning study``: many runs, one table. Imports only the subcommand that runs."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from lr_lightning.commands.failure import fail
from lr_lightning.study.layout import STUDIES

_SUBCOMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run", "train and evaluate all runs that are not done"),
    "retry": ("retry", "try the failed runs again"),
    "status": ("status", "show what is done, runs, failed or waits"),
    "search": ("search", "search for the values with which a run scores best"),
    "udr": ("udr", "compare the seeds of each cell by UDR, without labels"),
    "table": ("table", "print the scores of each setting, and write all results as one table"),
    "sync": ("sync", "upload the offline W&B runs"),
    "list": ("listing", "list the packaged studies, and those that were begun"),
    "report": ("report", "write what the table shows as one page with figures"),
}
"""Module and summary of each subcommand."""


class Subcommand(Protocol):
    """A module of this package."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the subcommand."""
        ...

    def run(self, options: argparse.Namespace) -> int:
        """Run it, and return the exit code."""
        ...


def main(argv: Sequence[str]) -> int:
    """Run ``lr-lightning study`` with the words after it.

    Args:
        argv: Arguments, such as ``["status", "small_dsprites"]``.

    Returns:
        Exit code: 0 on success, 1 on failure, 2 for a wrong command, file or name, 130 after Ctrl-C. Errors are printed
        as one sentence on standard error.
    """
    try:
        options = _parse(argv)
    except SystemExit as exit_:  # of argparse, which has printed its message
        return int(exit_.code or 0)
    try:
        return _module(options.command).run(options)
    except KeyboardInterrupt as interrupt:
        print(f"lr-lightning study: interrupted; {interrupt}".rstrip("; "), file=sys.stderr)
        return 130
    except Exception as error:
        return fail(f"study {options.command}", error)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lr-lightning study", description="Run studies.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = argv[0] if argv else ""
    for name, (_, summary) in _SUBCOMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        command.add_argument("--root", type=Path, default=STUDIES, help="folder of all studies (%(default)s)")
        if name == chosen:
            _module(name).add_arguments(command)
    return parser.parse_args(argv)


def _module(name: str) -> Subcommand:
    module, _ = _SUBCOMMANDS[name]
    return cast(Subcommand, import_module(f"lr_lightning.commands.study.{module}"))
