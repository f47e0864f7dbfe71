"""Number of latents that vary over the data."""

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample
from lr_lightning.metrics.function_metric import FunctionMetric


def active_units(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    threshold: float = 0.01,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Count the latents whose posterior mean varies over the data.

    .. math:: |\{ j : \operatorname{Var}_x(\mu_j(x)) > \text{threshold} \}|

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`; posterior means.
        factors: Not used; may be ``None``.
        threshold: Variance that counts as active, in squared latent units.
        sampling: Which rows; all of the table, or those to train on if the order is ``"first"``.

    Returns:
        Score ``active_units``, a count in ``{0, ..., D}``; its ceiling is ``D``, there is no chance level. More is
        better only as a sign that latents did not collapse. ``per_latent``: ``variance`` in squared latent units.

        Blind to the factors; copies and noise count like any other latent. Assumes codes on the scale of the prior:
        latents of a deterministic autoencoder may be small but informative.

    Raises:
        ValueError: As :func:`draw`; or if ``threshold < 0``.

    References:
        Burda et al., Importance Weighted Autoencoders, ICLR 2016, arXiv:1509.00519.

    Example:
        >>> codes = torch.arange(6.0)[:, None] * torch.tensor([1.0, 0.5, 0.001])
        >>> active_units(codes).value
        2.0
    """
    check_at_least("threshold", threshold, 0)
    sample = as_sample(codes, factors, sampling, factors_needed=False, means_needed=True)
    rows = sample.pool[0]
    variances = sample.shared("variances of the pool", lambda: rows.var(axis=0, dtype=np.float64))
    return MetricResult(
        metric="active_units",
        scores={"active_units": Score(float((variances > threshold).sum()), ceiling=float(sample.latent_dim))},
        num_train=len(rows),
        per_latent={"variance": torch.from_numpy(variances)},
        parameters={"threshold": threshold},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


class ActiveUnits(FunctionMetric, function=active_units):
    """How many latents vary over the data; see :func:`.functional.active_units`."""

    metric = "active_units"
    needs_means = True
    needs_factors = False
    higher_is_better = True
