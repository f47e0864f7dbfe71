"""A new run that starts from the weights of another."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from lr_lightning.commands.run.checkpoints import check_checkpoint, read_checkpoint

OPTION = "--initial_weights"


def load_initial_weights(path: Path, model: nn.Module) -> None:
    """Give ``model`` the weights of a checkpoint, and nothing else of it: no optimizer, step or random state.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no readable checkpoint or one of another model.
    """
    check_checkpoint(path, model)
    model.load_state_dict(read_checkpoint(path)["state_dict"])


def command_from_weights(arguments: Sequence[str], checkpoint: Path) -> str:
    """Return the command that starts a new run from the weights of the run that ``arguments`` resume.

    Args:
        arguments: Those of the command line, the subcommand first.
        checkpoint: The checkpoint that it resumes.
    """
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        name, equals, _ = word.partition("=")
        if name != "--ckpt_path":
            kept.append(word)
        elif not equals:
            next(words, None)
    if len(kept) == len(arguments):  # a config says what to resume
        kept.append("--ckpt_path=null")
    return shlex.join(["lr-lightning", *kept, f"{OPTION}={checkpoint}"])
