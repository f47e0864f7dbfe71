"""Starts a new run from the weights of another."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from lr_lightning.commands.run.checkpoints import check_checkpoint, read_checkpoint

OPTION = "--initial_weights"


def load_initial_weights(path: Path, model: nn.Module) -> None:
    """Load the weights of a checkpoint into ``model``, but no optimizer, step or random state.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a readable checkpoint or does not fit the model.
    """
    check_checkpoint(path, model)
    model.load_state_dict(read_checkpoint(path)["state_dict"])


def command_from_weights(arguments: Sequence[str], checkpoint: Path) -> str:
    """Return the command that starts a new run from the weights of the run that ``arguments`` resume.

    Args:
        arguments: The command line, starting with the subcommand.
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
    if len(kept) == len(arguments):  # the checkpoint is set in a config
        kept.append("--ckpt_path=null")
    return shlex.join(["lr-lightning", *kept, f"{OPTION}={checkpoint}"])
