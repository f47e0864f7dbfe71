"""The average of posteriors in a group VAE."""

import torch

from lr_lightning.models import AdaGVAE
from lr_lightning.networks import MLP


def test_average_is_the_mean_of_means_and_of_variances() -> None:
    model = AdaGVAE(MLP(2, (3, 8, 8), widths=(16,)))
    means = torch.tensor([[[1.0, -2.0]], [[3.0, 2.0]]])
    variances = torch.tensor([[[1.0, 4.0]], [[3.0, 0.5]]])
    mean, log_variance = model.average(means, variances.log())
    assert mean.tolist() == [[2.0, 0.0]]
    torch.testing.assert_close(log_variance.exp(), torch.tensor([[2.0, 2.25]]), rtol=1e-6, atol=0)  # float32


def test_average_of_equal_posteriors_is_that_posterior() -> None:
    model = AdaGVAE(MLP(2, (3, 8, 8), widths=(16,)))
    mean, log_variance = model.average(torch.full((2, 1, 2), 0.3), torch.full((2, 1, 2), -4.0))
    torch.testing.assert_close(mean, torch.full((1, 2), 0.3))
    torch.testing.assert_close(log_variance, torch.full((1, 2), -4.0))
