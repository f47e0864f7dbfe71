"""Whether latents act on observations independently of each other: closed forms."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from lr_lightning.assays.decoder_interaction import DecoderInteraction, decoder_interaction
from lr_lightning.assays.protocol import WrappedAutoencoder, wrap

SIGNS = torch.tensor(list(product([-1.0, 1.0], repeat=3)))  # variance 1, and all products uncorrelated


def decoding_by(decode: Callable[[Tensor], Tensor], latent_dim: int = 3) -> WrappedAutoencoder:
    """Make an autoencoder that is probed for its decoder alone."""

    def encode(_: Tensor) -> Tensor:
        raise AssertionError("the encoder is not used")

    return wrap(encode=encode, decode=decode, latent_dim=latent_dim)


def measured(decode: Callable[[Tensor], Tensor], repeats: int = 1000, seed: int = 0) -> DecoderInteraction:
    """Return the result on ``repeats`` times all signs."""
    generator = torch.Generator().manual_seed(seed)
    return decoder_interaction(decoding_by(decode), SIGNS.repeat(repeats, 1), generator=generator, chunk_size=4000)


@pytest.mark.parametrize(
    ("decode", "order", "interaction", "matrix"),
    [
        (lambda z: z[:, :2] + z[:, 2:], 1.0, 0.0, [[0.25, 0, 0], [0, 0.25, 0], [0, 0, 0.5]]),
        (lambda z: z[:, :1] * z[:, 1:2], 2.0, 1.0, [[1, 1, 0], [1, 1, 0], [0, 0, 0]]),
        (lambda z: z.prod(dim=1), 3.0, 3.0, [[1, 1, 1], [1, 1, 1], [1, 1, 1]]),
        (lambda z: z[:, 0] + z[:, 1] * z[:, 2], 1.5, 0.5, [[0.5, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]]),
    ],
    ids=["sum", "product", "three", "mixed"],
)
def test_closed_forms(
    decode: Callable[[Tensor], Tensor], order: float, interaction: float, matrix: list[list[float]]
) -> None:
    result = measured(decode)
    assert result.mean_order == pytest.approx(order, abs=0.1)  # three standard errors or more
    assert result.interaction == pytest.approx(interaction, abs=0.1)
    assert result.matrix.tolist() == [pytest.approx(row, abs=0.08) for row in matrix]
    assert abs(result.mean_order - order) < 4 * result.mean_order_error
    assert result.num_samples == 8000


def test_as_the_decomposition_of_a_table() -> None:
    """A function of three signs has eight terms: its coefficients on the products of the signs."""
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    subsets = list(product([0, 1], repeat=3))
    products = torch.stack([(SIGNS ** torch.tensor(subset)).prod(dim=1) for subset in subsets], dim=1).double()
    sizes = (products.T @ table / 8).square().sum(dim=1)  # variance of each term
    inside = torch.tensor(subsets, dtype=torch.float64)
    expected = torch.einsum("ui,uj,u->ij", inside, inside, sizes) / sizes[1:].sum()

    def decode(codes: Tensor) -> Tensor:
        return table[((codes > 0) * torch.tensor([4, 2, 1])).sum(dim=1)]

    result = measured(decode, repeats=2500)
    torch.testing.assert_close(result.matrix, expected, atol=0.03, rtol=0)
    assert result.variance == pytest.approx(sizes[1:].sum().item(), rel=0.03)


def test_orthogonal_effects_have_order_one_for_any_codes() -> None:
    codes = torch.randn(10, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 0.1, 0.0]) + 3
    result = decoder_interaction(decoding_by(lambda z: torch.stack([z.exp(), -2 * z], dim=2), 4), codes)
    assert result.mean_order == pytest.approx(1.0, abs=1e-5)
    assert result.mean_order_error == pytest.approx(0.0, abs=1e-5)
    assert result.interaction == pytest.approx(0.0, abs=1e-9)
    assert result.matrix[3].tolist() == pytest.approx([0.0] * 4, abs=1e-9)


def test_shares_do_not_depend_on_units() -> None:
    codes = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain = decoder_interaction(decoding_by(lambda z: z.sum(dim=1).sin()), codes)
    scaled = decoder_interaction(decoding_by(lambda z: 7 - 100 * z.sum(dim=1).sin()), codes)
    torch.testing.assert_close(scaled.matrix, plain.matrix)
    assert scaled.variance == pytest.approx(1e4 * plain.variance)
    assert 1 < plain.mean_order < 3


def test_dependent_codes_are_shuffled() -> None:
    same = torch.tensor([[-1.0], [1.0]]).repeat(1000, 3)
    result = decoder_interaction(decoding_by(lambda z: z[:, 0] * z[:, 1]), same)
    assert result.variance == pytest.approx(1.0, abs=0.1)  # of the codes as they are, 0


def test_errors_are_the_spread_over_draws() -> None:
    results = [measured(lambda z: z[:, 0] + z[:, 1] * z[:, 2], 8, seed) for seed in range(150)]
    for name in ("mean_order", "interaction"):
        values = torch.tensor([getattr(result, name) for result in results])
        stated = torch.tensor([getattr(result, f"{name}_error") for result in results])
        assert 0.7 < stated.mean() / values.std() < 1.4


def test_a_single_code_has_no_error() -> None:
    with pytest.warns(UserWarning, match="undefined: the decoder's output does not vary"):
        result = decoder_interaction(decoding_by(lambda z: z), torch.ones(1, 3))  # which is its own donor
    assert torch.tensor([result.mean_order, result.mean_order_error, result.interaction]).isnan().all()


@pytest.mark.parametrize(
    ("decode", "reason"),
    [(torch.zeros_like, "does not vary"), (lambda z: z / 0, "is not finite"), (lambda z: z.log(), "is not finite")],
)
def test_undefined_with_one_warning(decode: Callable[[Tensor], Tensor], reason: str) -> None:
    with pytest.warns(UserWarning, match=f"decoder interaction is undefined: the decoder's output {reason}") as caught:
        result = measured(decode, repeats=2)
    assert len(caught) == 1
    assert result.matrix.isnan().all()
    assert result.mean_order != result.mean_order


def test_wrong_arguments_are_refused() -> None:
    model = decoding_by(lambda z: z)
    with pytest.raises(ValueError, match="codes must have shape"):
        decoder_interaction(model, torch.zeros(4, 2))
    with pytest.raises(ValueError, match="chunk_size"):
        decoder_interaction(model, SIGNS, chunk_size=0)
