"""The assays of sampling, of consistency and of the factors' topology in training runs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lr_lightning.assays import response_matrix, wrap
from lr_lightning.assays.consistency import consistency
from lr_lightning.assays.factor_topology import factor_topology
from lr_lightning.assays.latent_sampling import posterior_samples
from lr_lightning.assays.prior_gap import prior_gap
from lr_lightning.callbacks import AssayCallback, AssayContext, AssayResult
from lr_lightning.callbacks.assays.consistency import ConsistencyAssay
from lr_lightning.callbacks.assays.factor_topology import FactorTopologyAssay
from lr_lightning.callbacks.assays.response_matrix import ResponseMatrixAssay
from lr_lightning.callbacks.assays.sampling import SamplingAssay
from lr_lightning.callbacks.code_table import CodeTable
from lr_lightning.callbacks.encoded_traversals import encoded_traversals
from tests.conftest import Bars
from tests.tiny_runs import tiny_data, tiny_model, tiny_trainer, weights


def assays() -> list[AssayCallback]:
    return [
        SamplingAssay(num_samples=4, num_codes=10, num_permutations=9),
        ConsistencyAssay(num_samples=10, num_values=2, num_steps=3),
        FactorTopologyAssay(num_traversals=4),
    ]


def test_codes_of_any_size_count_as_active(bars: Bars, tmp_path: Path) -> None:
    context = context_of(bars, tmp_path)
    generator = torch.Generator().manual_seed(0)
    for size in (0.1, 1.0, 10.0):  # such as those of a quantised-latent autoencoder, within -.5 and .5
        codes = size * torch.randn(200, 3, generator=generator)
        model = wrap(encode=lambda x: x, decode=lambda z: z * torch.tensor([1.0, 0.8, 0.1]), latent_dim=3)
        own = replace(context, autoencoder=model, table=CodeTable(codes, None, None))
        found = ResponseMatrixAssay().run(own)
        assert found.scalars["active_latents"] == 2
        assert found.scalars["latent_groups"] == 2
        assert not found.warnings
        assert ResponseMatrixAssay(active_threshold=0.9).run(own).scalars["active_latents"] == 1
        # of the matrix as of the errors: of codes that donate to each other
        arrays = found.arrays
        assert torch.equal(arrays["base"].sort(dim=0).values, arrays["donors"].sort(dim=0).values)
        independent = response_matrix(model, arrays["base"], arrays["donors"], pair=True)
        assert torch.equal(arrays["matrix"], independent.matrix)
        assert (arrays["standard_error"].diagonal() > 1.05 * independent.standard_error.diagonal()).all()
    with pytest.raises(ValueError, match=r"active_threshold .*-1"):
        ResponseMatrixAssay(active_threshold=-1)


def context_of(bars: Bars, tmp_path: Path) -> AssayContext:
    """Return what an assay works on after no training, with a table of the whole data set."""
    model = tiny_model().eval()
    images = bars.images(torch.arange(len(bars))).float() / 255
    posterior = model.encode(images)
    log_variances = 2 * posterior.stddev.log()
    return AssayContext(
        autoencoder=model,
        table=CodeTable(posterior.mean.detach(), log_variances.detach(), bars.factors(torch.arange(len(bars)))),
        observations=images[:1],
        dataset=bars,
        trainer=tiny_trainer(tmp_path),
        generator=torch.Generator().manual_seed(5),
    )


def test_they_log_scalars_figures_and_arrays_and_leave_training_alone(bars: Bars, tmp_path: Path) -> None:
    alone, watched = tiny_model(), tiny_model()
    tiny_trainer(tmp_path, max_epochs=1).fit(alone, datamodule=tiny_data(bars))
    trainer = tiny_trainer(tmp_path, *assays(), max_epochs=1)
    trainer.fit(watched, datamodule=tiny_data(bars))
    assert torch.equal(weights(alone), weights(watched))
    logged = {key.removeprefix("assay/") for key in trainer.callback_metrics if key.startswith("assay/")}
    pairs = {f"sampling/mmd_{pair}" for pair in ("prior_response", "prior_posterior", "posterior_response")}
    assert logged >= pairs | {f"{name}_{suffix}" for name in pairs for suffix in ("error", "p_value")}
    assert logged >= {f"sampling/{name}" for name in ("wasserstein_mean", "wasserstein_max", "kolmogorov_smirnov_max")}
    consistent = ("invariance", "equivariance", "self_consistency_first", "self_consistency_last")
    assert logged >= {f"consistency/{name}" for name in consistent}
    fits = ("categorical", "sequential", "periodic", "margin")
    assert logged >= {f"factor_topology/{name}_{fit}" for name in ("colour", "row", "column") for fit in fits}
    figures = {path.name.removesuffix("-step000004.png") for path in (tmp_path / "figures").glob("*.png")}
    assert figures == {
        "sampling-samples",
        "sampling-structure_score",
        "sampling-prior_gap",
        "consistency-invariance",
        "consistency-equivariance",
        "consistency-self_consistency",
        "factor_topology-distances",
    }
    with np.load(tmp_path / "assays" / "factor_topology-step000004.npz") as arrays:
        assert arrays["distances_row"].shape == (4, 4)
    with np.load(tmp_path / "assays" / "consistency-step000004.npz") as arrays:
        assert arrays["self_consistency_per_latent"].shape == (3, 3)


def test_sampling_draws_from_the_posteriors_or_takes_their_means(bars: Bars, tmp_path: Path) -> None:
    for noise in (True, False):
        context = context_of(bars, tmp_path)
        found = SamplingAssay(num_codes=20, num_permutations=0, noise=noise).run(context)
        generator = torch.Generator().manual_seed(5)
        log_variances = context.table.log_variances if noise else None
        expected = prior_gap(posterior_samples(context.table.codes, 20, log_variances, generator), num_permutations=0)
        assert found.scalars["wasserstein_mean"] == float(expected.wasserstein.mean())
        assert found.scalars["kolmogorov_smirnov_max"] == float(expected.kolmogorov_smirnov.max())


def test_sampling_draws_no_images_of_points_in_space(bars: Bars, tmp_path: Path) -> None:
    context = context_of(bars, tmp_path)
    assert set(SamplingAssay(num_codes=5).run(context).figures) == {"structure_score", "prior_gap", "samples"}
    context.observations = torch.zeros(1, 3)
    assert set(SamplingAssay(num_codes=5).run(context).figures) == {"structure_score", "prior_gap"}


def test_consistency_is_that_of_codes_drawn_from_the_table(bars: Bars, tmp_path: Path) -> None:
    context = context_of(bars, tmp_path)
    found = ConsistencyAssay(num_samples=9, num_values=2, num_steps=3).run(context)
    rows = torch.randperm(48, generator=torch.Generator().manual_seed(5))[:9]
    expected = consistency(context.autoencoder, context.table.codes[rows], num_values=2, num_steps=3)
    assert found.scalars["equivariance"] == float(expected.equivariance.mean())
    assert found.scalars["invariance"] == float(expected.mean_invariance)
    assert found.scalars["self_consistency_first"] == float(expected.self_consistency[0])
    assert found.scalars["self_consistency_last"] == float(expected.self_consistency[2])


def run_topology(bars: Bars, tmp_path: Path) -> AssayResult:
    return FactorTopologyAssay(num_traversals=6, templates="linear").run(context_of(bars, tmp_path))


def test_topology_is_that_of_traversals_of_the_factors(tmp_path: Path) -> None:
    bars = Bars(num_columns=2)
    found = run_topology(bars, tmp_path)
    expected = factor_topology(encoded_traversals(context_of(bars, tmp_path), 6), templates="linear")
    assert found.scalars["row_sequential"] == float(expected.fit[1, 1])
    assert found.scalars["colour_margin"] == float(expected.margin[0])
    assert not [key for key in found.scalars if key.startswith("column")]  # two values: no shape
    columns, rows = found.tables["table"]
    assert columns == ["factor", "best", "categorical", "sequential", "periodic", "margin"]
    assert [row[0] for row in rows] == ["colour", "row", "column"]
    assert rows[2][1] == "undecided"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SamplingAssay(num_samples=0), "num_samples .*0"),
        (lambda: SamplingAssay(num_codes=2), "num_codes .*3"),
        (lambda: ConsistencyAssay(num_samples=1), "num_samples must be at least 2"),
        (lambda: ConsistencyAssay(num_steps=0), "num_steps .*0"),
        (lambda: FactorTopologyAssay(num_traversals=0), "num_traversals must be at least 1, got 0"),
        (lambda: FactorTopologyAssay(templates="round"), "templates .*'round'"),  # type: ignore[arg-type]
    ],
)
def test_rejects_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
