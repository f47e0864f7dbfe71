"""The average of posteriors in a multi-level VAE."""

import torch
from scipy.stats import norm

from lr_lightning.models import AdaMLVAE
from lr_lightning.networks import MLP


def test_average_is_the_product_of_the_two_densities() -> None:
    model = AdaMLVAE(MLP(2, (3, 8, 8), widths=(16,)))
    means = torch.tensor([[[1.0, -2.0]], [[3.0, 2.0]]])
    variances = torch.tensor([[[1.0, 4.0]], [[3.0, 0.5]]])
    mean, log_variance = model.average(means, variances.log())
    points = torch.linspace(-3, 3, 13, dtype=torch.float64)[:, None]
    first, second = map(norm.logpdf, [points.numpy()] * 2, means.numpy(), variances.sqrt().numpy())
    average = norm.logpdf(points.numpy(), mean.numpy(), (log_variance / 2).exp().numpy())
    ratio = torch.from_numpy(first + second - average)
    # The product is the average up to a constant; the parameters are float32.
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=0, atol=1e-4)


def test_average_of_equal_posteriors_has_half_the_variance() -> None:
    model = AdaMLVAE(MLP(2, (3, 8, 8), widths=(16,)))
    mean, log_variance = model.average(torch.full((2, 1, 2), 0.3), torch.full((2, 1, 2), 0.8).log())
    torch.testing.assert_close(mean, torch.full((1, 2), 0.3))
    torch.testing.assert_close(log_variance.exp(), torch.full((1, 2), 0.4))


def test_average_survives_the_smallest_variances() -> None:
    model = AdaMLVAE(MLP(2, (3, 8, 8), widths=(16,)))
    mean, log_variance = model.average(torch.tensor([[[1.0]], [[2.0]]]), torch.tensor([[[-200.0]], [[-300.0]]]))
    assert mean.item() == 2.0
    assert log_variance.item() == -300.0
