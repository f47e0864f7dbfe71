"""A misspelled key is rejected before the first step."""

from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from typing_extensions import override

from lr_lightning.callbacks import (
    DisentanglementAssay,
    EnsembleAssay,
    LatentStatisticsAssay,
    ResponseMatrixAssay,
    RunCheckpoint,
)
from lr_lightning.commands.fit.monitor_check import check_monitored
from lr_lightning.commands.messages import UsageError
from lr_lightning.models import BetaVAE, SeedEnsemble
from lr_lightning.testing.tiny_runs import tiny_model
from tests.commands.fit.test_training import HELIX, run


def check(monitor: Callback | str, *callbacks: Callback, model: Any = None) -> None:
    """Check what a checkpoint, or another callback, monitors."""
    checkpoint = RunCheckpoint(Path("x"), "best", monitor) if isinstance(monitor, str) else monitor
    trainer = Trainer(accelerator="cpu", logger=False, callbacks=[checkpoint, *callbacks])
    check_monitored(trainer, model or tiny_model())


@pytest.mark.parametrize(
    "key",
    [
        "val/kl",
        "assay/response_matrix/independence",
        "assay/latent_statistics/kl_latent_07",
        "assay/latent_statistics/seconds",
        "metric/mig/score",
        "metric/sap/r2",
    ],
)
def test_accepts_logged_keys(key: str) -> None:
    check(key, ResponseMatrixAssay(), LatentStatisticsAssay(), DisentanglementAssay(["mig"], ["sap_r2"]))


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("val/lss", r"val/loss\?"),
        ("train/loss", "val/loss, val/reconstruction, val/kl, assay/response_matrix/active_latents, "),
        ("assay/response_matrix/independance", r"assay/response_matrix/independence\?"),
        ("assay/matrix/independence", r"assay/response_matrix/independence\?"),
        ("metric/dci/score", r"metric/mig\*"),
    ],
)
def test_rejects_keys_that_are_not_logged(key: str, hint: str) -> None:
    with pytest.raises(UsageError, match=rf"checkpoint\.monitor.*'{key}'.*{hint}"):
        check(key, ResponseMatrixAssay(), DisentanglementAssay(["mig"], []))


@pytest.mark.parametrize("kind", [EarlyStopping, ModelCheckpoint])
def test_other_callbacks_that_would_fail_without_it(kind: Any) -> None:
    with pytest.raises(UsageError, match=rf"{kind.__name__}.*'val/lss'"):
        check(kind(monitor="val/lss"))
    check(kind(monitor="val/loss"))


def test_those_that_would_not() -> None:
    check(EarlyStopping("val/lss", strict=False))
    check(ModelCheckpoint(monitor="step"))
    check("lr-Adam", LearningRateMonitor())


def test_several_seeds() -> None:
    ensemble = SeedEnsemble([tiny_model(), tiny_model()], [3, 5])
    for key in ("val/kl", "val/kl_sd", "seed_5/val/kl", "seed_3/assay/latent_statistics/active_units"):
        check(key, EnsembleAssay(LatentStatisticsAssay()), model=ensemble)
    with pytest.raises(UsageError, match="seed_4/val/kl"):
        check("seed_4/val/kl", model=ensemble)


class Logging(Callback):
    """May log anything."""


class OwnModel(BetaVAE):
    """Logs more than its terms."""

    @override
    def on_validation_epoch_end(self) -> None:
        """Log something else."""
        self.log("mine", 1.0)


def test_accepts_keys_that_other_code_may_log() -> None:
    check("mine", Logging())
    model = tiny_model()
    check("mine", model=OwnModel(model.network, optimizer=model.optimizer))


def test_rejects_a_run_before_it_writes_anything(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", *HELIX, "--checkpoint.monitor=assay/response_matrix/independenc") == 2
    error = capsys.readouterr().err
    assert "assay/response_matrix/independence?" in error
    assert "val/reconstruction" in error
    assert not Path("runs").exists()
