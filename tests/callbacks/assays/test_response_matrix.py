"""The response matrix and its graph in validation."""

import math

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import response_matrix, wrap
from lr_lightning.assays.response_graph import response_graph
from lr_lightning.callbacks import ResponseMatrixAssay
from lr_lightning.testing import AssayTester
from tests.assays.models import responding_by
from tests.callbacks.assays.runs import assert_says, context_of

EDGES = {"bidirectional_edges": 2.0, "directed_edges": 1.0, "latent_groups": 1.0, "independence": 0.75}
NO_EDGES = {"bidirectional_edges": 0.0, "directed_edges": 0.0}


class TestResponseMatrixAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = ResponseMatrixAssay
    arguments = {"num_samples": 10}
    invalid_arguments = ({"num_samples": 1}, {"preset": "dlib"}, {"active_threshold": -1})
    reports_progress = True


@pytest.mark.parametrize("size", [0.1, 1.0, 10.0])
def test_codes_of_any_scale_count_as_active(size: float) -> None:
    """Codes of a quantized-latent autoencoder, for example, lie within -.5 and .5."""
    codes = size * torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    model = wrap(encode=lambda x: x, decode=lambda z: z * torch.tensor([1.0, 0.8, 0.1]), latent_dim=3)
    result = ResponseMatrixAssay().run(context_of(model, codes))
    assert result.scalars["active_latents"] == 2
    assert result.scalars["latent_groups"] == 2
    assert not result.warnings
    strict = ResponseMatrixAssay(active_threshold=0.9).run(context_of(model, codes))
    assert strict.scalars["active_latents"] == 1


def test_donors_come_from_the_base_codes() -> None:
    """The matrix is that of any donors; the errors account for codes that are donors to each other."""
    codes = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    model = wrap(encode=lambda x: x, decode=lambda z: z * torch.tensor([1.0, 0.8, 0.1]), latent_dim=3)
    arrays = ResponseMatrixAssay().run(context_of(model, codes)).arrays
    assert torch.equal(arrays["base"].sort(dim=0).values, arrays["donors"].sort(dim=0).values)
    independent = response_matrix(model, arrays["base"], arrays["donors"], pair=True)
    assert torch.equal(arrays["matrix"], independent.matrix)
    assert (arrays["standard_error"].diagonal() > 1.05 * independent.standard_error.diagonal()).all()


def test_leeb2021(monkeypatch: pytest.MonkeyPatch) -> None:
    """Donors and receivers are drawn from the same codes with replacement; no factor 1/2, no scale."""
    codes = 3 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    model = responding_by(lambda z: z @ torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.0]]), 3)
    arrays = ResponseMatrixAssay(20_000, preset="leeb2021").run(context_of(model, codes)).arrays
    assert len(arrays["base"]) == 20_000
    assert len(torch.unique(arrays["base"], dim=0)) == 40
    # the difference of two independent draws from the 40 values has twice their variance
    expected = (2 * codes[:, :, None].var(dim=0, correction=0)).sqrt() * torch.tensor(
        [[1.0, 0.5, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.0]]
    )
    # squares of normal differences: relative error sqrt(2 / 20,000) / 2 = .005 of the roots, and 4 of it
    torch.testing.assert_close(arrays["matrix"], expected.double(), rtol=0.02, atol=1e-6)
    monkeypatch.setattr("lr_lightning.callbacks.assays.response_matrix._LEEB2021_POOL", 10)
    few = ResponseMatrixAssay(20, preset="leeb2021").run(context_of(model, codes)).arrays
    assert len(few["base"]) == 20
    assert len(torch.unique(few["base"], dim=0)) <= 10


def test_graph_is_that_of_the_matrix(codes: Tensor) -> None:
    model = responding_by(lambda z: z @ torch.tensor([[1.0, 0.8], [0.0, 1.0]]), 2)
    result = ResponseMatrixAssay().run(context_of(model, codes))
    assert result.scalars["directed_edges"] == 1
    assert result.scalars["bidirectional_edges"] == 0
    assert result.scalars["latent_groups"] == 1
    assert response_graph(result.arrays["matrix"]).directed == ((0, 1),)
    assert response_matrix(model, codes).matrix[0, 1] > 0.1
    separate = ResponseMatrixAssay().run(context_of(responding_by(lambda z: z, 2), codes))
    assert separate.scalars["latent_groups"] == 2


@pytest.mark.parametrize(
    ("scalars", "parts"),
    [
        (
            EDGES | {"active_latents": 7.0},
            ["7 of 10 latents are active", "75%", "1 group, by 2 two-way effects and 1 one-way effect"],
        ),
        (NO_EDGES | {"active_latents": 2.0, "independence": 1.0}, ["2 of 10", "100%", "No active latent"]),
        (NO_EDGES | {"active_latents": 0.0, "independence": math.nan}, ["0 of 10 latents are active"]),
    ],
    ids=["joined", "apart", "passive"],
)
def test_interpretations(scalars: dict[str, float], parts: list[str]) -> None:
    assert_says(ResponseMatrixAssay(), scalars, parts)
