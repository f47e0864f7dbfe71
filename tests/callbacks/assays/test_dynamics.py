"""Dynamics, recovery from noise, response graph and response paths in validation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor

from lr_lightning.assays import Autoencoder, response_matrix
from lr_lightning.assays.attractors import find_attractors
from lr_lightning.assays.idempotence import idempotence_curve
from lr_lightning.assays.memorization import memorization
from lr_lightning.assays.noise_recovery import noise_recovery
from lr_lightning.assays.response_graph import response_graph
from lr_lightning.callbacks import AssayCallback, AssayContext, AssayResult, ResponseMatrixAssay
from lr_lightning.callbacks.assays.dynamics import DynamicsAssay
from lr_lightning.callbacks.assays.noise_recovery import NoiseRecoveryAssay
from lr_lightning.callbacks.assays.response_path import ResponsePathAssay
from lr_lightning.callbacks.code_table import CodeTable
from tests.assays.models import responding_by
from tests.conftest import Bars
from tests.tiny_runs import tiny_data, tiny_model, tiny_trainer

FIGURES = {
    "dynamics": {"idempotence", "attractors"},
    "noise_recovery": {"curve"},
    "response_path": {"cost", "images"},
    "response_matrix": {"matrix", "graph"},
}


def validate(folder: Path, *assays: AssayCallback) -> dict[str, float]:
    """Return the scalars of the assays on an untrained model, without the time they took."""
    trainer = tiny_trainer(folder, *assays)
    [metrics] = trainer.validate(tiny_model(), datamodule=tiny_data(Bars()), verbose=False)
    return {
        key.removeprefix("assay/"): value
        for key, value in metrics.items()
        if key.startswith("assay/") and not key.endswith("/seconds")
    }


def context(autoencoder: Autoencoder, codes: Tensor, log_variances: Tensor | None = None) -> AssayContext:
    """Return what an assay sees of a model without a run."""
    return AssayContext(
        autoencoder=autoencoder,
        table=CodeTable(codes, log_variances, None),
        observations=torch.empty(0),
        dataset=None,
        trainer=Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, barebones=True),
        generator=torch.Generator().manual_seed(0),
    )


def draw_all(result: AssayResult) -> set[str]:
    """Draw every figure and return their names."""
    return {name for name, draw in result.figures.items() if draw()}


@pytest.fixture
def codes() -> Tensor:
    return torch.randn(30, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.filterwarnings("ignore:independence is undefined")  # untrained
def test_scalars_figures_and_arrays_of_a_validation(tmp_path: Path) -> None:
    assays = [
        DynamicsAssay(num_samples=5),
        NoiseRecoveryAssay(num_samples=5, multiples=[0.5, 2]),
        ResponsePathAssay(num_samples=8, num_pairs=2, num_points=5),
        ResponseMatrixAssay(num_samples=5),
    ]
    scalars = validate(tmp_path, *assays)
    assert {key for key in scalars if not key.startswith("response_matrix")} == {
        *(f"dynamics/{name}" for name in ("first_step", "last_step", "attractors", "effective_attractors")),
        *(f"dynamics/{name}" for name in ("largest_basin", "not_converged", "diverged")),
        *(f"dynamics/{name}" for name in ("nearest_code", "code_spacing")),
        *(f"noise_recovery/{name}_{multiple}" for name in ("ratio", "median") for multiple in ("0.5", "2")),
        "noise_recovery/num_latents",
        *(
            f"response_path/{way}_{name}"
            for way in ("path", "line")
            for name in ("cost", "length", "observation_error")
        ),
    }
    assert all(np.isfinite(value) for value in scalars.values() if not np.isnan(value))
    assert scalars["dynamics/attractors"] == 1  # an untrained network contracts
    assert scalars["response_path/path_cost"] > 0
    assert scalars["response_path/path_length"] >= scalars["response_path/line_length"]
    drawn = {path.name.removesuffix("-validate.png") for path in (tmp_path / "figures").glob("*.png")}
    assert drawn == {f"{name}-{figure}" for name, figures in FIGURES.items() for figure in figures}
    assert {path.name.split("-")[0] for path in (tmp_path / "assays").glob("*.npz")} == set(FIGURES)
    again = validate(tmp_path / "again", *assays[:3])
    assert again == {key: scalars[key] for key in again}


def test_dynamics_are_those_of_the_assays(codes: Tensor) -> None:
    model = responding_by(lambda z: 0.9 * z + 0.1 * z.sign(), 2)
    result = DynamicsAssay(num_samples=100, max_steps=500, num_steps=3).run(context(model, codes))
    curve = idempotence_curve(model, codes, num_steps=3)
    found = find_attractors(model, codes)
    near = memorization(found.positions, codes)
    assert result.scalars["first_step"] == pytest.approx(curve.total[0].item())
    assert result.scalars["last_step"] == pytest.approx(curve.total[2].item())
    assert result.scalars["attractors"] == 4
    assert result.scalars["largest_basin"] == found.shares[0]
    assert result.scalars["effective_attractors"] == pytest.approx(found.effective_number)
    assert result.scalars["nearest_code"] == pytest.approx(float((near.distances * found.shares).sum()), rel=1e-3)
    assert result.scalars["code_spacing"] == pytest.approx(near.spacing)
    assert draw_all(result) == FIGURES["dynamics"]  # bars: these observations are no images


def test_dynamics_without_an_attractor_are_nan_and_not_an_error(codes: Tensor) -> None:
    result = DynamicsAssay(max_steps=3).run(context(responding_by(torch.neg, 2), codes))
    assert result.scalars["not_converged"] == 1
    assert result.scalars["attractors"] == result.scalars["largest_basin"] == 0
    assert np.isnan([result.scalars["nearest_code"], result.scalars["effective_attractors"]]).all()
    assert draw_all(result) == FIGURES["dynamics"]


@pytest.mark.parametrize("starts", ["posterior", "prior", "box"])
def test_starts_come_from_where_they_are_asked_for(codes: Tensor, starts: Any) -> None:
    far = codes * torch.tensor([0.1, 0.0]) + 50
    drawn = DynamicsAssay(starts=starts).run(context(responding_by(torch.zeros_like, 2), far)).arrays["starts"]
    assert len(drawn) == (30 if starts == "posterior" else 64)
    assert (drawn[:, 1] == 50).all() == (starts != "prior")
    rows = {tuple(row) for row in far.tolist()}
    assert all(tuple(row) in rows for row in drawn.tolist()) == (starts == "posterior")


def test_noise_has_the_size_of_the_posterior(codes: Tensor) -> None:
    model = responding_by(lambda z: 2 * (z / 2).round(), 2)
    log_variances = torch.full_like(codes, -2.0).add_(codes.sign())
    assay = NoiseRecoveryAssay(num_samples=20, multiples=[1])
    result = assay.run(context(model, codes, log_variances))
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(30, generator=generator)[:20]
    sigma = (0.5 * log_variances[rows]).exp()
    expected = noise_recovery(model, codes[rows], sigma, multiples=[1], generator=generator)
    assert result.scalars == {
        "ratio_1": pytest.approx(expected.ratio.item()),
        "median_1": pytest.approx(expected.latents.mean().item()),  # of two latents
        "num_latents": 2,
    }
    assert 0.05 < result.scalars["ratio_1"] < 2
    deterministic = assay.run(context(model, codes))
    assert deterministic.scalars["ratio_1"] != result.scalars["ratio_1"]


def test_noise_of_passive_latents_does_not_count() -> None:
    codes = torch.randn(400, 5, generator=torch.Generator().manual_seed(1))
    codes[:, 3:] *= 0.01  # of a collapsed posterior, whose noise is the largest and which the decoder ignores
    kept = torch.tensor([0.9, 0.7, 0.5, 0.0, 0.0])
    model = responding_by(lambda z: kept * z, 5)
    log_variances = torch.full_like(codes, 0.05).square().log()
    log_variances[:, 3:] = 2 * torch.tensor(0.8).log()
    result = NoiseRecoveryAssay(num_samples=400, multiples=[1]).run(context(model, codes, log_variances))
    assert result.scalars["median_1"] == pytest.approx(0.7, abs=1e-5)
    assert 0.5 < result.scalars["ratio_1"] < 0.9  # of all latents together .05
    assert result.scalars["num_latents"] == 3
    columns, rows = result.tables["latents"]
    assert columns == ["latent", "active", "ratio_1"]
    assert [row[1] for row in rows] == ["yes"] * 3 + ["no"] * 2
    assert [row[2] for row in rows] == pytest.approx(kept.tolist(), abs=1e-5)
    assert not result.warnings
    deterministic = NoiseRecoveryAssay(num_samples=400, multiples=[1]).run(context(model, 0.01 * codes))
    assert deterministic.scalars["num_latents"] == 3  # .01 of the largest is passive whatever the unit
    (warning,) = NoiseRecoveryAssay(multiples=[1]).run(context(model, 0.01 * codes, log_variances)).warnings
    assert "No latent is active" in warning


def test_graph_comes_with_the_matrix(codes: Tensor) -> None:
    model = responding_by(lambda z: z @ torch.tensor([[1.0, 0.8], [0.0, 1.0]]), 2)
    result = ResponseMatrixAssay().run(context(model, codes))
    assert result.scalars["directed_edges"] == 1
    assert result.scalars["bidirectional_edges"] == 0
    assert result.scalars["latent_groups"] == 1
    assert response_graph(result.arrays["matrix"]).directed == ((0, 1),)
    assert draw_all(result) == FIGURES["response_matrix"]
    separate = ResponseMatrixAssay().run(context(responding_by(lambda z: z, 2), codes))
    assert separate.scalars["latent_groups"] == 2
    assert response_matrix(model, codes).matrix[0, 1] > 0.1


def test_paths_on_a_ring_cost_less_than_lines(codes: Tensor) -> None:
    ring = codes / codes.norm(dim=1, keepdim=True)
    model = responding_by(lambda z: z / z.norm(dim=1, keepdim=True), 2)
    result = ResponsePathAssay(num_pairs=6).run(context(model, ring))
    assert result.scalars["path_cost"] < result.scalars["line_cost"]
    assert result.scalars["path_length"] > result.scalars["line_length"]
    assert len(result.arrays["pairs"]) == 6
    assert draw_all(result) == {"cost"}


def test_paths_between_equal_codes_are_nan_and_not_an_error() -> None:
    result = ResponsePathAssay().run(context(responding_by(lambda z: z, 2), torch.ones(9, 2)))
    assert np.isnan(list(result.scalars.values())).all()
    assert len(result.scalars) == 6
    assert not result.figures


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DynamicsAssay(num_samples=0), "num_samples must be at least 1, got 0"),
        (lambda: DynamicsAssay(max_steps=0), "max_steps must be at least 1, got 0"),
        (lambda: DynamicsAssay(tolerance=0.0), "tolerance must be positive, got 0.0"),
        (lambda: DynamicsAssay(starts="data"), "starts .*'data'"),  # type: ignore[arg-type]
        (lambda: NoiseRecoveryAssay(num_samples=1), "num_samples must be at least 2, got 1"),
        (lambda: NoiseRecoveryAssay(multiples=[0.0]), r"multiples .*\[0\.0\]"),
        (lambda: ResponsePathAssay(num_samples=1), "num_samples must be at least 2, got 1"),
        (lambda: ResponsePathAssay(num_pairs=0), "num_pairs must be at least 1, got 0"),
    ],
)
def test_rejects_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
