"""Neuron knockout (NK)."""

import warnings

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lr_lightning.common.checks import check_at_least, check_positive
from lr_lightning.metrics.core.alignment import align
from lr_lightning.metrics.core.result import MetricResult, Score, are_undefined, mean_of_known
from lr_lightning.metrics.core.sample import (
    Floats,
    Sample,
    Sampling,
    as_sample,
    warn_of_constant_factors,
)
from lr_lightning.metrics.function_metric import FunctionMetric

_DECAY = 0.65  # of the learning rate, before epochs 1, 2, 4, 8, ...
_ENOUGH = 0.99  # accuracy in training at which it ends


def neuron_knockout(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    hidden_dim: int = 256,
    learning_rate: float = 0.01,
    batch_size: int = 4096,
    max_epochs: int = 75,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how much of the accuracy about each factor is lost without its latent.

    .. math:: \mathrm{NK} = \frac{1}{K} \sum_k \bigl(A_k(z) - A_k(z_{\setminus a(k)})\bigr)

    Each factor :math:`k` has a latent :math:`a(k)` of its own, as in
    :func:`.functional.single_neuron_classification`. :math:`A_k` is the accuracy on the rows held out of a network with
    one hidden layer that predicts the factor from all latents, and from all but this one. A factor that is encoded in
    several latents can be predicted without one of them.

    The networks are trained with Adam on the cross-entropy; the learning rate falls by .65 before epochs 1, 2, 4, 8 and
    so on (counted from 0). Training ends when the accuracy over an epoch exceeds .99, or after ``max_epochs``, and the
    accuracy on the rows held out is that after the epoch with the highest accuracy in training.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        hidden_dim: Units of the hidden layer.
        learning_rate: Learning rate of the first epoch.
        batch_size: Rows of a training batch.
        max_epochs: Largest number of epochs.
        sampling: Which rows.

    Returns:
        Scores ``nk``, in ``[-1, 1]``, a difference of accuracies, and ``nk_accuracy``, the mean of :math:`A_k(z)`, in
        ``[0, 1]``; no unit; higher is better. ``matrix``: mutual information ``(D, K)`` of latents in bins with
        factors, in nats. ``per_factor``: ``nk``, ``accuracy``, ``accuracy_knocked_out``, ``latent`` (:math:`a(k)`).

        Independent codes score 0 up to noise, and so do codes from which nothing can be predicted, and exact
        duplicates: read ``nk_accuracy`` first. A perfect code loses what can be predicted without the factor, the share
        of its most frequent value, and scores about :math:`1 - 1 / V`. Few rows or epochs lower both accuracies, and
        with them the score.

        Blind to other factors in the same latent, and to how the latent orders the values; low for rotations, because
        the other latents still know something. Depends on the scale of the codes, as the networks do. Factors with one
        value are left out with a warning; NaN with a warning if no factor varies or no rows are held out.

    Raises:
        ValueError: As :func:`draw`; or if ``hidden_dim``, ``batch_size`` or ``max_epochs`` is below 1, or
            ``learning_rate`` is not positive.

    References:
        Mahon, Sha and Lukasiewicz, Correcting Flaws in Common Disentanglement Metrics, TMLR 2024, arXiv:2304.02335;
        parameters of the authors' code.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(100, 1)
        >>> codes = grid.float() - 0.5
        >>> neuron_knockout(codes, grid, sampling=Sampling(num_train=300, num_test=100))["nk_accuracy"]
        1.0
    """
    for name, value in (("hidden_dim", hidden_dim), ("batch_size", batch_size), ("max_epochs", max_epochs)):
        check_at_least(name, value, 1)
    check_positive("learning_rate", learning_rate)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    latents, information = align(sample)
    accuracies = np.full((2, sample.num_factors), np.nan)
    for k in sample.varying_factors if len(sample.test_codes) else ():
        inputs = np.ones((2, sample.latent_dim), dtype=bool)
        inputs[1, latents[k]] = False
        accuracies[:, k] = _accuracies(sample, k, inputs, hidden_dim, learning_rate, batch_size, max_epochs)
    names = ("nk", "nk_accuracy")
    if not sample.varying_factors:
        warnings.warn(f"{are_undefined(names)}: no factor varies", stacklevel=2)
    elif not len(sample.test_codes):
        warnings.warn(f"{are_undefined(names)}: no rows are held out; raise num_test", stacklevel=2)
    differences = accuracies[0] - accuracies[1]
    return MetricResult(
        metric="nk",
        scores={
            "nk": Score(mean_of_known(differences), scored_on="test"),
            "nk_accuracy": Score(mean_of_known(accuracies[0]), scored_on="test"),
        },
        num_train=len(sample.codes),
        num_test=len(sample.test_codes),
        matrix=torch.from_numpy(information),
        matrix_label="mutual information [nats]",
        per_factor={
            "nk": torch.from_numpy(differences),
            "accuracy": torch.from_numpy(accuracies[0]),
            "accuracy_knocked_out": torch.from_numpy(accuracies[1]),
            "latent": torch.from_numpy(latents),
        },
        parameters={
            "hidden_dim": hidden_dim,
            "learning_rate": learning_rate,
            "batch_size": batch_size,
            "max_epochs": max_epochs,
            "seed": sample.seed,
        },
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _accuracies(
    sample: Sample,
    factor: int,
    inputs: np.ndarray,
    hidden_dim: int,
    learning_rate: float,
    batch_size: int,
    max_epochs: int,
) -> Floats:
    """Return the accuracies ``(M,)`` on the rows held out of M networks, trained at once.

    Args:
        sample: Codes and factors.
        factor: The factor to predict.
        inputs: Which latents each network sees, ``(M, D)`` bool.
        hidden_dim: Units of the hidden layer.
        learning_rate: Learning rate of the first epoch.
        batch_size: Rows of a training batch.
        max_epochs: Largest number of epochs.
    """
    random = sample.random(f"neuron knockout {factor}")
    labels, test_labels = sample.factors[:, factor], sample.test_factors[:, factor]
    num_values = int(max(labels.max(), test_labels.max())) + 1
    best, accuracies = np.full(len(inputs), -1.0), np.zeros(len(inputs))
    done = np.zeros(len(inputs), dtype=bool)
    with torch.inference_mode(False), torch.enable_grad():  # metrics are also computed during validation
        codes, test_codes = (torch.from_numpy(table.astype(np.float32)) for table in (sample.codes, sample.test_codes))
        targets, mask = torch.from_numpy(labels), torch.from_numpy(inputs[:, None, :])
        parameters = _initial_parameters(inputs, hidden_dim, num_values, random)
        optimizer = torch.optim.Adam(parameters, lr=learning_rate)
        for epoch in range(max_epochs):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * _DECAY ** epoch.bit_length()
            correct = np.zeros(len(inputs))
            for rows in torch.split(torch.from_numpy(random.permutation(len(codes))), batch_size):
                logits = _logits(codes[rows] * mask, parameters)
                expected = targets[rows].expand(len(inputs), -1)
                # the sum over networks, whose gradients are independent of each other
                loss = len(inputs) * cross_entropy(logits.flatten(0, 1), expected.flatten())
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                correct += (logits.argmax(dim=2) == expected).sum(dim=1).numpy()
            reached = correct / len(codes)
            better = (reached > best) & ~done
            if better.any():
                with torch.no_grad():
                    predicted = _logits(test_codes * mask, parameters).argmax(dim=2).numpy()
                best = np.where(better, reached, best)
                accuracies = np.where(better, (predicted == test_labels).mean(axis=1), accuracies)
            done |= reached > _ENOUGH
            if done.all():
                break
    return accuracies


def _initial_parameters(
    inputs: np.ndarray, hidden_dim: int, num_values: int, random: np.random.Generator
) -> list[Tensor]:
    """Return weights and biases of both layers of all networks, uniform within one over the root of the inputs."""
    bounds = 1 / np.sqrt(np.maximum(inputs.sum(axis=1), 1))[:, None, None]
    drawn = (
        bounds * random.uniform(-1, 1, (*inputs.shape, hidden_dim)),
        bounds * random.uniform(-1, 1, (len(inputs), 1, hidden_dim)),
        random.uniform(-1, 1, (len(inputs), hidden_dim, num_values)) / np.sqrt(hidden_dim),
        random.uniform(-1, 1, (len(inputs), 1, num_values)) / np.sqrt(hidden_dim),
    )
    return [torch.from_numpy(part.astype(np.float32)).requires_grad_() for part in drawn]


def _logits(codes: Tensor, parameters: list[Tensor]) -> Tensor:
    """Return the logits ``(M, N, V)`` of all networks, of codes ``(M, N, D)``."""
    weights, biases, output_weights, output_biases = parameters
    return (codes @ weights + biases).relu() @ output_weights + output_biases


class NeuronKnockout(FunctionMetric, function=neuron_knockout):
    """How much accuracy about each factor is lost without its latent; see :func:`.functional.neuron_knockout`."""

    metric = "nk"
    aliases = ("neuron_knockout",)
    higher_is_better = True
    refits = True
    num_chance_draws = 3
