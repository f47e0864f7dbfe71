"""Assays of ensemble members give the same results as for separate runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import ModelCheckpoint
from typing_extensions import override

from lr_lightning.callbacks import (
    AssayCallback,
    AssayContext,
    AssayResult,
    DisentanglementAssay,
    EnsembleAssay,
    LatentStatisticsAssay,
    ReconstructionAssay,
    ResponseMapAssay,
    ResponseMatrixAssay,
)
from lr_lightning.models import BetaVAE, SeedEnsemble
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer, weights
from tests.arrays import read_arrays
from tests.conftest import Bars

pytestmark = [
    pytest.mark.filterwarnings("ignore:independence is undefined"),  # models of a few steps
    pytest.mark.filterwarnings("ignore:score undefined"),
    pytest.mark.filterwarnings("ignore:.* undefined"),
]
SEEDS = (4, 1)


class Count(AssayCallback):
    """Counts the times that it has run."""

    name = "count"

    def __init__(self, every_n_validations: int = 1) -> None:
        super().__init__(every_n_validations)
        self.runs = 0

    @override
    def run(self, context: AssayContext) -> AssayResult:
        self.runs += 1
        return AssayResult(scalars={"runs": float(self.runs)})

    @override
    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"runs": self.runs}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.runs = state_dict["runs"]


def member(seed: int) -> BetaVAE:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return BetaVAE(MLP(3, (3, 8, 8), widths=(16,)), optimizer=lambda p: torch.optim.Adam(p, lr=1e-2))


def ensemble(*assays: Callback) -> SeedEnsemble:
    return SeedEnsemble([member(seed) for seed in SEEDS], SEEDS, assays)


def assays() -> list[AssayCallback]:
    return [
        ReconstructionAssay(num_samples=4),
        LatentStatisticsAssay(),
        ResponseMatrixAssay(num_samples=10),
        DisentanglementAssay(metrics=["mig"], final_metrics=["modularity"], num_train=8, num_test=4),
    ]


def test_each_seed_is_as_alone(tmp_path: Path) -> None:
    together = tiny_trainer(tmp_path / "together", *map(EnsembleAssay, assays()))
    together.fit(ensemble(), datamodule=tiny_data(Bars()))
    found = {key: value.item() for key, value in together.callback_metrics.items()}
    alone = []
    for seed in SEEDS:
        trainer = tiny_trainer(tmp_path / str(seed), *assays())
        trainer.fit(member(seed), datamodule=tiny_data(Bars()))
        alone.append({k: v.item() for k, v in trainer.callback_metrics.items() if not k.endswith("/seconds")})
        assert {"assay/response_matrix/active_latents", "metric/mig/score"} < alone[-1].keys()
        own = {key: found[f"seed_{seed}/{key}"] for key in alone[-1]}
        np.testing.assert_equal(own, alone[-1])  # NaN equals NaN
        for folder in ("assays", "figures"):
            names = sorted(path.name for path in (tmp_path / str(seed) / folder).iterdir())
            prefix = f"seed_{seed}-"
            files = (tmp_path / "together" / folder).glob(f"{prefix}*")
            assert sorted(path.name.removeprefix(prefix) for path in files) == names
        path = "assays/{}response_matrix-step000012.npz"
        first = read_arrays(tmp_path / str(seed) / path.format(""))["matrix"]
        second = read_arrays(tmp_path / "together" / path.format(f"seed_{seed}-"))["matrix"]
        np.testing.assert_array_equal(first, second)
    assert alone[0]["assay/reconstruction/mean_squared_error"] != alone[1]["assay/reconstruction/mean_squared_error"]
    for key in alone[0]:
        values = np.array([own[key] for own in alone])
        # logged in float32; the deviation of nearly equal values has its error relative to the values
        np.testing.assert_allclose(found[key], values.mean(), rtol=1e-6)
        np.testing.assert_allclose(found[f"{key}_sd"], values.std(ddof=1), rtol=1e-5, atol=1e-6 * abs(values).max())


def test_tables_are_named_by_their_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    monkeypatch.setattr("lr_lightning.callbacks.assay.save_table", lambda *given: keys.append(given[1]))
    trainer = tiny_trainer(tmp_path, EnsembleAssay(ResponseMatrixAssay(num_samples=10)), max_epochs=1)
    trainer.fit(ensemble(), datamodule=tiny_data(Bars()))
    assert keys == ["seed_4/assay/response_matrix/table", "seed_1/assay/response_matrix/table"]


def test_training_does_not_notice_assays(tmp_path: Path) -> None:
    models = [ensemble(), ensemble(*map(EnsembleAssay, assays()))]
    for model in models:
        tiny_trainer(tmp_path).fit(model, datamodule=tiny_data(Bars()))
    assert torch.equal(weights(models[0]), weights(models[1]))


@pytest.mark.parametrize(("every", "runs"), [(1, 5.0), (2, 3.0), (0, 1.0)])
def test_runs_when_the_assay_would(tmp_path: Path, every: int, runs: float) -> None:
    trainer = tiny_trainer(tmp_path, EnsembleAssay(Count(every)), max_epochs=5)
    trainer.fit(ensemble(), datamodule=tiny_data(Bars()))
    for key in ("assay/count/runs", *(f"seed_{seed}/assay/count/runs" for seed in SEEDS)):
        assert trainer.callback_metrics[key] == runs


def test_final_metrics_run_at_the_end_only(tmp_path: Path) -> None:
    scored = EnsembleAssay(DisentanglementAssay(["mig"], ["modularity"], num_train=8, num_test=4))
    trainer = tiny_trainer(tmp_path, scored, max_epochs=1, max_steps=-1)
    trainer.fit(ensemble(), datamodule=tiny_data(Bars()))
    assert "seed_4/metric/modularity/score" in trainer.callback_metrics
    scored = EnsembleAssay(DisentanglementAssay(["mig"], ["modularity"], num_train=8, num_test=4))
    trainer = tiny_trainer(tmp_path, scored, max_epochs=-1, limit_train_batches=4, max_time={"seconds": 0})
    trainer.fit(ensemble(), datamodule=tiny_data(Bars()))
    assert "seed_4/metric/modularity/score" not in trainer.callback_metrics


def test_state_is_kept_for_each_member(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, EnsembleAssay(Count(2)), max_epochs=3)
    trainer.fit(ensemble(), datamodule=tiny_data(Bars()))
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    trainer = tiny_trainer(tmp_path, EnsembleAssay(Count(2)), max_epochs=6)
    trainer.fit(ensemble(), datamodule=tiny_data(Bars()), ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    # validations 0 and 2 before, 4 and the last after
    assert trainer.callback_metrics["seed_1/assay/count/runs"] == 4


def test_means_can_be_monitored(tmp_path: Path) -> None:
    best = ModelCheckpoint(tmp_path, "best", monitor="assay/count/runs", mode="max")
    trainer = tiny_trainer(tmp_path, EnsembleAssay(Count()), best, enable_checkpointing=True)
    trainer.fit(ensemble(), datamodule=tiny_data(Bars()))
    assert best.best_model_score == 3


def test_a_test_runs_each_assay_too(tmp_path: Path) -> None:
    counting = EnsembleAssay(Count())
    trainer = tiny_trainer(tmp_path, counting)
    found = trainer.test(ensemble(), datamodule=tiny_data(Bars()), verbose=False)[0]
    assert found["seed_4/assay/count/runs"] == found["assay/count/runs"] == 1
    assert counting.total_seconds == pytest.approx(
        sum(found[f"seed_{seed}/assay/count/seconds"] for seed in SEEDS), rel=1e-5
    )


def test_members_are_checked_as_a_single_model_is(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, EnsembleAssay(ResponseMapAssay(pairs=[(0, 3)])))
    with pytest.raises(ValueError, match="a response map needs latent 3, but the model has 3"):
        trainer.fit(ensemble(), datamodule=tiny_data(Bars()))
    statistics = LatentStatisticsAssay()
    statistics.name = "count"
    trainer = tiny_trainer(tmp_path, EnsembleAssay(Count()), EnsembleAssay(statistics))
    with pytest.raises(ValueError, match="2 assays are named 'count'"):
        trainer.fit(ensemble(), datamodule=tiny_data(Bars()))


def test_rejects_modules_of_the_wrong_kind(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="EnsembleAssay needs a SeedEnsemble, got BetaVAE"):
        tiny_trainer(tmp_path, EnsembleAssay(Count())).fit(tiny_model(), datamodule=tiny_data(Bars()))
    with pytest.raises(TypeError, match="needs a module with encode, decode and latent_dim, got SeedEnsemble"):
        tiny_trainer(tmp_path, Count()).fit(ensemble(), datamodule=tiny_data(Bars()))
