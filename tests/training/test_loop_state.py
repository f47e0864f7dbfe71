"""Counters of one model and of an ensemble are those that the Trainer itself would save."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lr_lightning.models import BetaVAE, LinearSchedule, ScheduledLearningRate
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer
from lr_lightning.training.loop_state import of_automatic_optimization, of_manual_optimization
from tests.conftest import Bars


def loops(folder: Path, automatic: bool, max_steps: int, scheduled: bool) -> dict[str, Any]:
    """Return the counters of a run, whose steps the Trainer takes or the model itself."""
    schedule = LinearSchedule(1.0, 0.1, 9)
    model = BetaVAE(
        MLP(3, (3, 8, 8), widths=(16,)),
        lr_scheduler=(lambda optimizer: ScheduledLearningRate(optimizer, schedule)) if scheduled else None,
    )
    model.automatic_optimization = automatic
    trainer = tiny_trainer(folder, max_epochs=-1, max_steps=max_steps)
    trainer.fit(model, datamodule=tiny_data(Bars(), batches_per_epoch=4))
    trainer.save_checkpoint(folder / "last.ckpt")
    found: dict[str, Any] = torch.load(folder / "last.ckpt", weights_only=True)["loops"]
    return found


@pytest.mark.parametrize(("max_steps", "scheduled"), [(6, False), (8, True)])
def test_counters_are_converted_both_ways(tmp_path: Path, max_steps: int, scheduled: bool) -> None:
    automatic = loops(tmp_path, True, max_steps, scheduled)
    manual = loops(tmp_path, False, max_steps, scheduled)
    assert automatic != manual
    assert of_automatic_optimization(manual, int(scheduled)) == automatic
    counters = "epoch_loop.manual_optimization.optim_step_progress"
    for each in (automatic, manual):
        assert of_manual_optimization(each)["fit_loop"][counters] == manual["fit_loop"][counters]
