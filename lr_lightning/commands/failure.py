"""How a failed command ends: one sentence on standard error and an exit code, whatever was raised."""

import os
import sys

from lr_lightning.commands.messages import UsageError

_SELF_EXPLANATORY = ValueError | OSError | FloatingPointError | ImportError | MemoryError
"""Errors whose text is written for the user; the text of any other follows the name of its class."""


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
