"""How a command ends: with an exit code, and if it failed with one sentence on standard error, whatever was raised."""

import argparse
import os
import sys
from collections.abc import Callable

from lr_lightning.commands.messages import UsageError

_SELF_EXPLANATORY = ValueError | OSError | FloatingPointError | ImportError | MemoryError
"""Errors whose text is written for the user; the text of any other follows the name of its class."""


def run_command(
    command: str,
    parse: Callable[[], argparse.Namespace],
    work: Callable[[argparse.Namespace], None],
    interrupted: str = "interrupted",
) -> int:
    """Parse the words of a command, do its work, and return its exit code.

    Args:
        command: Name of the command, e.g. ``"score"``.
        parse: Returns the arguments; argparse prints what is wrong with them.
        work: Called with the arguments.
        interrupted: What to print after Ctrl-C.

    Returns:
        0 on success, 1 on failure, 2 for a wrong command line, 130 after Ctrl-C. Errors are printed to standard error,
        one sentence each.
    """
    try:
        arguments = parse()
    except SystemExit as exit_:  # argparse has already printed the message
        return int(exit_.code or 0)
    try:
        work(arguments)
    except KeyboardInterrupt:
        print(f"lr-lightning {command}: {interrupted}", file=sys.stderr)
        return 130
    except Exception as error:
        return fail(command, error)
    return 0


def fail(command: str, error: Exception, *, below_progress: bool = False) -> int:
    """Print ``error`` as one sentence and return the exit code; call it from the ``except`` block.

    Args:
        command: Name of the command, e.g. ``"score"``.
        error: The exception that was caught.
        below_progress: Whether a progress bar may still occupy the current line.

    Returns:
        2 for an invalid command line or config, 1 otherwise.

    Raises:
        Exception: ``error`` itself, if the environment variable ``LR_LIGHTNING_TRACEBACK`` is set.
    """
    if os.environ.get("LR_LIGHTNING_TRACEBACK"):
        raise error
    usage = isinstance(error, UsageError)
    line = "\n" if below_progress and not usage else ""
    print(f"{line}lr-lightning {command}: {sentence(error)}", file=sys.stderr)
    return 2 if usage else 1


def sentence(error: BaseException) -> str:
    """Return the text of ``error`` on one line, with the name of its class unless the text is written for the user."""
    # str() of a KeyError adds quotes; without a space, its text is a bare key instead of a sentence
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    text = " ".join(text.split())
    readable = isinstance(error, _SELF_EXPLANATORY) or (isinstance(error, KeyError) and " " in text)
    if text and readable:
        return text
    described = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{described} (set LR_LIGHTNING_TRACEBACK=1 for the traceback)"
