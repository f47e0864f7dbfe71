"""Codes from which iterations of the response map start."""

import pytest
import torch
from torch import Tensor

from lr_lightning.assays.starts import starting_codes, uniform_samples


def test_posterior_starts_are_different_rows_of_the_codes(codes: Tensor) -> None:
    starts = starting_codes("posterior", codes, 25)
    rows = [row.tolist() for row in codes]
    found = [rows.index(start.tolist()) for start in starts]
    assert len(set(found)) == 25
    assert found != sorted(found)
    assert len(starting_codes("posterior", codes, 1000)) == 40


def test_prior_starts_are_standard_normal_whatever_the_codes() -> None:
    starts = starting_codes("prior", torch.full((2, 3), 100.0), 4000)
    assert starts.shape == (4000, 3)
    # standard errors 1 / sqrt(N) and 1 / sqrt(2 N)
    assert starts.mean(dim=0).abs().max() < 5 / 4000**0.5
    assert (starts.std(dim=0) - 1).abs().max() < 5 / 8000**0.5


def test_box_starts_fill_the_range_of_each_latent() -> None:
    codes = torch.tensor([[0.0, 5.0, -1.0], [1.0, 5.0, 3.0], [0.5, 5.0, 0.0]], dtype=torch.float64)
    starts = starting_codes("box", codes, 2000)
    low, high = starts.aminmax(dim=0)
    assert starts.dtype == torch.float64
    assert (low >= torch.tensor([0.0, 5.0, -1.0])).all()
    assert (high <= torch.tensor([1.0, 5.0, 3.0])).all()
    # mean of a uniform variable over an interval of length L: standard error L / sqrt(12 N)
    torch.testing.assert_close(starts.mean(dim=0), torch.tensor([0.5, 5, 1]).double(), rtol=0, atol=5 * 4 / 24000**0.5)


@pytest.mark.parametrize("kind", ["posterior", "prior", "box"])
def test_draws_are_those_of_the_generator(kind: str, codes: Tensor) -> None:
    first, again, other = (
        starting_codes(kind, codes, 8, torch.Generator().manual_seed(seed))  # type: ignore[arg-type]
        for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_rejects(codes: Tensor) -> None:
    with pytest.raises(ValueError, match=r"kind .*got 'sphere'"):
        starting_codes("sphere", codes, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"num_samples .*got 0"):
        starting_codes("prior", codes, 0)
    with pytest.raises(ValueError, match=r"num_samples .*got 0"):
        uniform_samples(0, codes[0], codes[0])
    with pytest.raises(ValueError, match=r"low and high .*got \(3,\) and \(2,\)"):
        uniform_samples(3, torch.zeros(3), torch.ones(2))
    with pytest.raises(ValueError, match="finite with low <= high"):
        uniform_samples(3, torch.ones(2), torch.zeros(2))
    with pytest.raises(ValueError, match=r"codes .*finite"):
        starting_codes("box", codes / 0, 3)
