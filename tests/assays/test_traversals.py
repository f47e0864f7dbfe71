"""Traversals of factors, encoded or looked up."""

from dataclasses import dataclass, field

import pytest
import torch
from scipy.stats import kstest
from torch import Tensor
from torch.distributions import Normal

from lr_lightning.assays import encode_means, sample_traversals, traversals_from_codes, wrap
from lr_lightning.assays.encoding import encode_posteriors
from lr_lightning.data.factor_space import FactorSpace
from tests.assays.models import responding_by


@dataclass
class GridData:
    """One 1x1 image with three channels for each combination, showing the factors themselves."""

    factor_space: FactorSpace
    full_grid: bool = True
    asked: list[Tensor] = field(default_factory=list)

    def images(self, indices: Tensor, /) -> Tensor:
        """Return uint8 images whose channels are the factor values times 51."""
        self.asked.append(indices)
        return (51 * self.factor_space.factors(indices)).byte()[:, :, None, None]


@pytest.fixture
def data() -> GridData:
    """Grid of 2 x 3 x 1 combinations."""
    return GridData(FactorSpace(["a", "b", "c"], [2, 3, 1]))


def test_one_factor_runs_and_the_others_stand_still(data: GridData) -> None:
    reader = wrap(encode=lambda x: 5 * x.flatten(1), decode=lambda z: z, latent_dim=3)
    generator = torch.Generator().manual_seed(0)
    traversals = sample_traversals(reader, data, 20, generator, chunk_size=4)
    assert [tuple(codes.shape) for codes in traversals] == [(20, 2, 3), (20, 3, 3), (20, 1, 3)]
    for position, codes in enumerate(traversals):
        values = codes.round()  # the factors, up to the round-off of 51 / 255 * 5
        size = data.factor_space.sizes[position]
        assert (values[:, :, position] == torch.arange(float(size))).all()
        others = [j for j in range(3) if j != position]
        assert (values[:, :, others] == values[:, :1, others]).all()
    assert len(torch.unique(traversals[0][:, 0, 1].round())) == 3  # the other factors differ between traversals


def test_encodes_what_traversals_share_once(data: GridData) -> None:
    sample_traversals(wrap(encode=lambda x: x.flatten(1), decode=lambda z: z, latent_dim=3), data, 50)
    assert torch.equal(torch.cat(data.asked).sort().values, torch.arange(6))


def test_looking_up_gives_what_encoding_gives(data: GridData) -> None:
    reader = wrap(encode=lambda x: (5 * x.flatten(1), torch.zeros(len(x), 3)), decode=lambda z: z, latent_dim=3)
    table = encode_means(reader, data.images(torch.arange(6)))
    for seed in (0, 1):
        encoded = sample_traversals(reader, data, 7, torch.Generator().manual_seed(seed))
        found = traversals_from_codes(table, data.factor_space, 7, torch.Generator().manual_seed(seed))
        assert all(torch.equal(a, b) for a, b in zip(encoded, found, strict=True))
    first = traversals_from_codes(table, data.factor_space, 7, torch.Generator().manual_seed(0))
    assert not all(torch.equal(a, b) for a, b in zip(first, found, strict=True))


def test_rejects(data: GridData) -> None:
    with pytest.raises(ValueError, match=r"codes .*got 5"):
        traversals_from_codes(torch.zeros(5, 2), data.factor_space)
    with pytest.raises(ValueError, match=r"num_traversals .*got 0"):
        traversals_from_codes(torch.zeros(6, 2), data.factor_space, 0)
    data.full_grid = False
    with pytest.raises(ValueError, match="full_grid"):
        sample_traversals(responding_by(lambda z: z, 3), data)


def test_samples_of_posteriors(data: GridData) -> None:
    deviations = torch.tensor([0.5, 1.0, 2.0])
    reader = wrap(
        encode=lambda x: Normal(5 * x.flatten(1), deviations.expand(len(x), 3)), decode=lambda z: z, latent_dim=3
    )
    drawn = {
        kind: sample_traversals(reader, data, 2000, torch.Generator().manual_seed(0), codes=kind)
        for kind in ("mean", "sample")
    }
    for means, samples in zip(drawn["mean"], drawn["sample"], strict=True):  # the same members
        noise = ((samples - means) / deviations).flatten(0, 1)
        assert kstest(noise.flatten().numpy(), "norm").pvalue > 1e-3
        assert len(torch.unique(noise, dim=0)) == len(noise)  # new noise for each member of each traversal
    table, variances = encode_posteriors(reader, data.images(torch.arange(6)))
    torch.testing.assert_close(variances, 2 * deviations.log().expand(6, 3))
    found = traversals_from_codes(
        table, data.factor_space, 2000, torch.Generator().manual_seed(0), log_variances=variances
    )
    for samples, looked_up in zip(drawn["sample"], found, strict=True):
        torch.testing.assert_close(samples, looked_up)


def test_deterministic_codes_are_not_sampled(data: GridData) -> None:
    with pytest.raises(ValueError, match="codes='sample' needs log-variances"):
        sample_traversals(wrap(encode=lambda x: x.flatten(1), decode=lambda z: z, latent_dim=3), data, codes="sample")
    with pytest.raises(ValueError, match=r"codes .*'mode'"):
        sample_traversals(responding_by(lambda z: z, 3), data, codes="mode")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="log_variances"):
        traversals_from_codes(torch.zeros(6, 3), data.factor_space, log_variances=torch.zeros(6, 2))
