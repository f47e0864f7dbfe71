"""Misspelled names are compared with all existing names."""

import pytest

from lr_lightning.cli import main
from lr_lightning.commands.config.known_names import known_arguments, known_classes


def test_each_known_argument_is_in_the_help_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("fit", "predict"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    shown = capsys.readouterr().out
    assert [name for name in known_arguments() if name not in shown] == []
    assert "--wandb.project" in known_arguments()


def test_known_classes_are_public_and_can_be_built() -> None:
    classes = known_classes()
    assert {"BetaVAE", "Conv64Burgess", "DoubleHelix", "EarlyStopping"} <= set(classes)
    assert not {"AutoencoderModule", "FactorDataset"} & set(classes)
    assert not any(name.startswith("_") for name in classes)
