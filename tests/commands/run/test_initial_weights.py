"""Starting a new run from the weights of another."""

from pathlib import Path

import pytest

from lr_lightning.commands.run.initial_weights import command_from_weights


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["fit", "--config=c.yaml", "--ckpt_path=last", "--x=1"], "fit --config=c.yaml --x=1"),
        (["fit", "--ckpt_path", "last", "--config", "my runs/c.yaml"], "fit --config 'my runs/c.yaml'"),
        (["fit", "--config=resumes.yaml"], "fit --config=resumes.yaml --ckpt_path=null"),
    ],
)
def test_it_is_the_same_without_the_checkpoint(arguments: list[str], command: str) -> None:
    weights = "'--initial_weights=my runs/last.ckpt'"
    assert command_from_weights(arguments, Path("my runs/last.ckpt")) == f"lr-lightning {command} {weights}"
