"""Every model knows what it will log in validation."""

from pathlib import Path

import pytest
import torch

from lr_lightning.testing.tiny_runs import tiny_trainer
from tests.models.zoo import MODELS, data_module, make


@pytest.mark.parametrize("name", MODELS)
def test_terms_are_those_that_validation_logs(name: str, tmp_path: Path) -> None:
    model = make(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state, modes = torch.get_rng_state(), [module.training for module in model.modules()]
    names = model.term_names()
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    trainer = tiny_trainer(tmp_path, limit_val_batches=1)
    [logged] = trainer.validate(model, datamodule=data_module(name), verbose=False)
    assert {f"val/{term}" for term in names} == logged.keys()
