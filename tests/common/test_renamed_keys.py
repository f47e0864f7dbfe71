"""Configs of earlier versions are read with current names."""

import importlib

import pytest

from lr_lightning import callbacks
from lr_lightning.common.renamed_keys import ARGUMENTS, MODULES, with_current_names


@pytest.mark.parametrize("module", MODULES.values())
def test_current_modules_exist(module: str) -> None:
    importlib.import_module(module)


def test_classes_accept_current_arguments() -> None:
    for name, renamed in ARGUMENTS.items():
        for argument in renamed.values():
            getattr(callbacks, name)(**{argument: 3})


def test_names_are_replaced_at_any_depth() -> None:
    old = {
        "model": {"init_args": {"beta": {"class_path": "lr_lightning.models.schedules.WarmUp"}}},
        "data": {"init_args": {"dataset": "lr_lightning.data.dsprites.DSprites", "val_size": 64}},
        "assays": {
            "mine": {
                "class_path": "lr_lightning.callbacks.conditioned_response.ConditionedResponseAssay",
                "init_args": {"samples": 8},
            },
            "other": {"class_path": "package.Assay", "init_args": {"samples": 8}},
        },
        "trainer": {"callbacks": ["lr_lightning.callbacks.progress.RunProgressBar", None]},
    }
    assert with_current_names(old) == {
        "model": {"init_args": {"beta": {"class_path": "lr_lightning.training.schedules.WarmUp"}}},
        "data": {"init_args": {"dataset": "lr_lightning.data.sets.dsprites.DSprites", "val_size": 64}},
        "assays": {
            "mine": {
                "class_path": "lr_lightning.callbacks.assays.conditioned_response.ConditionedResponseAssay",
                "init_args": {"num_samples": 8},
            },
            "other": {"class_path": "package.Assay", "init_args": {"samples": 8}},
        },
        "trainer": {"callbacks": ["lr_lightning.callbacks.run.progress.RunProgressBar", None]},
    }


def test_rejects_an_argument_under_both_names() -> None:
    with pytest.raises(ValueError, match=r"ConditionedResponseAssay.*'samples'.*'num_samples'"):
        with_current_names({"class_path": "ConditionedResponseAssay", "init_args": {"samples": 3, "num_samples": 3}})
