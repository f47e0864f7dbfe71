"""How a command ends that failed: one sentence on standard error and an exit code, whatever was raised."""

import os
import sys

from lr_lightning.commands.messages import UsageError

_TOLD = ValueError | OSError | FloatingPointError | ImportError | MemoryError  # raised with a sentence for the user


def fail(command: str, error: Exception, *, below_progress: bool = False) -> int:
    """Say what went wrong and return the exit code; to be called where ``error`` is caught.

    Args:
        command: Name of the command, such as ``"score"``.
        error: What was raised.
        below_progress: Whether a progress bar may have been left on the line.

    Returns:
        2 for a wrong command line or config, else 1.

    Raises:
        Exception: ``error`` itself if the environment variable ``LR_LIGHTNING_TRACEBACK`` is set.
    """
    if os.environ.get("LR_LIGHTNING_TRACEBACK"):
        raise error
    usage = isinstance(error, UsageError)
    line = "\n" if below_progress and not usage else ""
    print(f"{line}lr-lightning {command}: {sentence(error)}", file=sys.stderr)
    return 2 if usage else 1


def sentence(error: Exception) -> str:
    """Return the text of an error on one line; the kind of one that is not a user's is part of what it says."""
    # str() of a KeyError adds quotes; one without a sentence names the missing key only
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    text = " ".join(text.split())
    told = isinstance(error, _TOLD) or (isinstance(error, KeyError) and " " in text)
    return text if text and told else f"{type(error).__name__}: {text} (LR_LIGHTNING_TRACEBACK=1 shows where)"
