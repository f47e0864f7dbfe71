"""A search is checked before anything runs."""

from pathlib import Path
from typing import Any

import pytest

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.search.check import check_search
from lr_lightning.study.search.definition import read_search
from tests.study.search.test_definition import write


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"config": "helx"}, r"helx.*helix"),
        ({"space": {"model.beta": {"uniform": [-1, 4]}}}, r"space: model\.beta = -1: .*beta"),
        ({"space": {"model.network.latent_dim": {"choice": [2, 0]}}}, r"space: model\.network\.latent_dim = 0: "),
        ({"space": {"model.bta": {"choice": [2]}}}, r"space: model\.bta = 2: .*bta"),
        ({"set": {"trainer.max_step": 3}}, r"set: trainer\.max_step: .*max_step"),
        ({"set": {"trainer.max_epochs": -1}}, r"set: .*max_steps or trainer\.max_epochs"),
        ({"monitor": "val/los"}, r"monitor 'val/los' is not logged; did you mean val/loss"),
        ({"monitor": "assay/conditioned_response/cds"}, r"monitor 'assay/conditioned_response/cds'"),
    ],
)
def test_refuses_what_no_trial_could_train(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_search(read_search(write(**parts)))
    assert not [path for path in Path().iterdir() if path.name != "betas.yaml"]


@pytest.mark.parametrize("monitor", ["val/loss", "assay/response_matrix/directedness"])
def test_accepts_what_validations_log(monitor: str) -> None:
    check_search(read_search(write(monitor=monitor)))
    assert not [path for path in Path().iterdir() if path.name != "betas.yaml"]
