"""Scores of a standardized model do not depend on the units of its latents."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from lr_lightning.assays import (
    causal_completeness_score,
    causal_disentanglement_score,
    conditioned_response_matrix,
    encode_means,
    independence,
    response_matrix,
    standardized,
    traversals_from_codes,
    wrap,
)
from lr_lightning.assays.protocol import Autoencoder, modules_of
from lr_lightning.data import FactorSpace
from tests.assays.models import ConvVAE

SPACE = FactorSpace(["x", "y"], [4, 5])
FACTORS = SPACE.factors(torch.arange(len(SPACE))).double()
MIXING = torch.tensor([[1.0, 0.3, 0.5], [-0.2, 1.0, 0.5]], dtype=torch.float64)


def model(units: Tensor) -> Autoencoder:
    """Three latents in ``units`` that mix two factors, and a decoder that leaks."""
    inverse = torch.linalg.pinv(MIXING)
    return wrap(
        encode=lambda x: torch.tanh(x @ MIXING / 3) * units,
        decode=lambda z: torch.atanh(z / units).clamp(-2, 2) @ inverse,
        latent_dim=3,
    )


def scores(autoencoder: Autoencoder) -> list[float]:
    codes = encode_means(autoencoder, FACTORS)
    conditioned = conditioned_response_matrix(autoencoder, traversals_from_codes(codes, SPACE, 5)).matrix
    matrix = response_matrix(autoencoder, codes).matrix
    found = (
        independence(matrix, 0.0),
        causal_disentanglement_score(conditioned),
        causal_completeness_score(conditioned),
    )
    return [float(each) for each in found]


def in_standard_units(units: Tensor) -> list[float]:
    autoencoder = model(units)
    return scores(standardized(autoencoder, encode_means(autoencoder, FACTORS)))


def test_scores_do_not_depend_on_units() -> None:
    ones, units = torch.ones(3, dtype=torch.float64), torch.tensor([1.0, 10.0, 0.2], dtype=torch.float64)
    assert scores(model(units)) != pytest.approx(scores(model(ones)), abs=0.05)
    assert in_standard_units(units) == pytest.approx(in_standard_units(ones), abs=1e-9)


def test_codes_and_posteriors_in_the_new_units() -> None:
    codes = torch.tensor([[0.0, 2.0], [4.0, 2.5]])
    vae = wrap(encode=lambda x: Normal(x, torch.full_like(x, 2.0)), decode=lambda z: 10 * z, latent_dim=2)
    found = standardized(vae, codes)
    posterior = found.encode(codes)
    assert isinstance(posterior, Normal)
    torch.testing.assert_close(posterior.mean, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    torch.testing.assert_close(posterior.stddev, torch.tensor([[1.0, 8.0], [1.0, 8.0]]))
    torch.testing.assert_close(found.decode(posterior.mean), 10 * codes)
    assert found.latent_dim == 2


def test_a_latent_that_hardly_varies_is_not_blown_up() -> None:
    identity = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=3)
    codes = torch.tensor([[0.0, 0.0, 1.0], [2.0, 2e-9, 1.0]])
    torch.testing.assert_close(standardized(identity, codes).unit, torch.tensor([1.0, 0.01, 0.01]))


def test_modules_are_found(vae: ConvVAE) -> None:
    codes = torch.arange(2.0)[:, None].expand(2, vae.latent_dim)
    assert modules_of(standardized(vae, codes)) == [vae]


def test_rejects_codes_that_do_not_vary() -> None:
    identity = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)
    with pytest.raises(ValueError, match=r"codes must vary, but all 3 rows"):
        standardized(identity, torch.ones(3, 2))
    with pytest.raises(ValueError, match=r"codes"):
        standardized(identity, torch.ones(3, 4))
