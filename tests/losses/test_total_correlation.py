"""Parts of the divergence from the prior against enumeration and closed forms."""

import itertools
import math
from collections.abc import Callable, Iterable

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lr_lightning.losses import (
    ESTIMATORS,
    Estimator,
    KLParts,
    decompose_kl,
    stratified_log_weights,
    weighted_log_weights,
)

Posteriors = tuple[Tensor, Tensor, Tensor]
Maker = Callable[[int, int, torch.device | None], Tensor]


def posteriors(batch: int = 6, latents: int = 3, seed: int = 0) -> Posteriors:
    """Samples, means and log-variances (B, D) in float64, neighbors overlapping in part."""
    generator = torch.Generator().manual_seed(seed)
    means, noise, scales = torch.randn(3, batch, latents, generator=generator, dtype=torch.float64)
    log_variances = 0.5 * scales - 1
    return means + noise * (log_variances / 2).exp(), means, log_variances


def normal(z: float, mean: float, variance: float) -> float:
    return math.exp(-((z - mean) ** 2) / variance / 2) / math.sqrt(2 * math.pi * variance)


def enumerate_parts(samples: Tensor, means: Tensor, log_variances: Tensor, weights: Tensor) -> list[float]:
    """The three parts, number by number."""
    rows, parts = range(len(samples)), [0.0, 0.0, 0.0]
    for i, z in enumerate(samples.tolist()):
        density = [
            list(map(normal, z, mean, variance))
            for mean, variance in zip(means.tolist(), log_variances.exp().tolist(), strict=True)
        ]
        weight = weights[i].tolist()
        own, prior = math.prod(density[i]), math.prod(normal(x, 0, 1) for x in z)
        joint = sum(weight[j] * math.prod(density[j]) for j in rows)
        marginals = math.prod(sum(weight[j] * density[j][d] for j in rows) for d in range(len(z)))
        for part, ratio in enumerate((own / joint, joint / marginals, marginals / prior)):
            parts[part] += math.log(ratio) / len(samples)
    return parts


def parts_of(batch: Iterable[Tensor], log_weights: Tensor) -> KLParts:
    samples, means, log_variances = batch
    return decompose_kl(samples, means, log_variances, log_weights)


def values(parts: KLParts) -> list[float]:
    return [part.item() for part in parts]


def peers_log_weights(batch: int, dataset_size: int) -> Tensor:
    """What the released code of the paper and its descendants take: a stride of the batch size, which is a column."""
    others = batch - 1
    stratum = (dataset_size - others) / (dataset_size * others)
    weights = torch.full((batch, batch), 1 / others)
    weights.view(-1)[:: others + 1] = 1 / dataset_size
    weights.view(-1)[1 :: others + 1] = stratum
    weights[others - 1, 0] = stratum
    return weights.log()


# Weights


@pytest.mark.parametrize(
    ("batch", "dataset_size"), [(1, 1), (1, 9), (2, 2), (2, 9), (3, 3), (5, 6), (64, 64), (64, 737_280), (256, 300)]
)
def test_stratified_weights_of_a_row_sum_to_one(batch: int, dataset_size: int) -> None:
    weights = stratified_log_weights(batch, dataset_size).double().exp()
    assert weights.shape == (batch, batch)
    # Logarithms of at most 20, in float32: each weight is off by 20 * 6e-8 = 1.2e-6 of itself at most.
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(batch).double(), rtol=2e-6, atol=0)


@pytest.mark.parametrize(("batch", "dataset_size"), [(2, 2), (2, 9), (4, 4), (5, 100)])
def test_stratified_weights_are_those_of_the_appendix(batch: int, dataset_size: int) -> None:
    others = batch - 1
    weights = stratified_log_weights(batch, dataset_size).exp()
    for i, j in itertools.product(range(batch), range(batch)):
        expected = 1 / others
        if j == i:
            expected = 1 / dataset_size
        elif j == (i + 1) % batch:
            expected = (dataset_size - others) / (dataset_size * others)
        assert weights[i, j].item() == pytest.approx(expected, rel=1e-6)  # float32


def average_weights(size: int, batch: int, row: int, log_weights: Tensor) -> Tensor:
    """Mean weight (N,) of each observation in the density at a sample of observation 0, over all batches.

    A batch holds observation 0 in place ``row``, and any others around it, in any order.
    """
    total, count = torch.zeros(size, dtype=torch.float64), 0
    for others in itertools.permutations(range(1, size), batch - 1):
        batch_indices = [*others[:row], 0, *others[row:]]
        for weight, index in zip(log_weights[row].double().exp(), batch_indices, strict=True):
            total[index] += weight
        count += 1
    return total / count


@pytest.mark.parametrize("batch", [2, 3, 4, 5])
def test_stratified_estimate_of_the_density_has_no_bias(batch: int) -> None:
    for row in range(batch):
        average = average_weights(5, batch, row, stratified_log_weights(batch, 5))
        torch.testing.assert_close(average, torch.full((5,), 0.2).double(), rtol=1e-6, atol=0)  # float32 weights


def test_weights_of_other_libraries_are_biased() -> None:
    average = average_weights(5, 3, 2, peers_log_weights(3, 5))
    assert (average - 0.2).abs().max() > 0.1
    batch = posteriors()
    ours = values(parts_of(batch, stratified_log_weights(6, 1000)))
    peers = values(parts_of(batch, peers_log_weights(6, 1000)))
    assert all(abs(a - b) > 0.1 for a, b in zip(ours, peers, strict=True))


def test_weighted_weights_are_one_over_batch_and_data_set() -> None:
    weights = weighted_log_weights(3, 50)
    torch.testing.assert_close(weights, torch.full((3, 3), math.log(1 / 150)), rtol=1e-6, atol=0)


@pytest.mark.parametrize("make", ESTIMATORS.values())
def test_device_of_the_weights(make: Maker) -> None:
    assert make(4, 9, torch.device("meta")).device.type == "meta"


@pytest.mark.parametrize("make", ESTIMATORS.values())
def test_rejects_a_data_set_smaller_than_the_batch(make: Maker) -> None:
    with pytest.raises(ValueError, match=r"dataset_size.*\b3"):
        make(4, 3, None)


def test_estimators_have_the_names_of_the_config() -> None:
    assert {"weighted": weighted_log_weights, "stratified": stratified_log_weights} == ESTIMATORS


# Parts


@pytest.mark.parametrize("log_weights", [stratified_log_weights(6, 90), weighted_log_weights(6, 90)])
def test_parts_match_enumeration(log_weights: Tensor) -> None:
    batch = posteriors()
    expected = enumerate_parts(*batch, log_weights.double().exp())
    assert values(parts_of(batch, log_weights)) == pytest.approx(expected, abs=1e-12)  # float64 round-off


def test_full_batch() -> None:
    batch, size, latents = posteriors(), 6, 3
    exact = enumerate_parts(*batch, torch.full((size, size), 1 / size, dtype=torch.float64))
    uniform = torch.full((size, size), -math.log(size), dtype=torch.float64)
    assert values(parts_of(batch, uniform)) == pytest.approx(exact, abs=1e-12)  # float64 round-off
    weighted = values(parts_of(batch, weighted_log_weights(size, size)))
    offsets = [math.log(size), (latents - 1) * math.log(size), -latents * math.log(size)]
    expected = [value + offset for value, offset in zip(exact, offsets, strict=True)]
    assert weighted == pytest.approx(expected, abs=1e-6)  # weights in float32


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_parts_add_up_to_the_mean_kl(estimator: Estimator) -> None:
    _, means, log_variances = posteriors()
    log_weights = ESTIMATORS[estimator](6, 90, None)
    std = (log_variances / 2).exp()
    # log q(z|x) - log p(z) is a square of the noise, whose expectation the noises 1 and -1 give exactly.
    sums = [sum(values(decompose_kl(means + sign * std, means, log_variances, log_weights))) for sign in (1, -1)]
    expected = kl_divergence(Normal(means, std), Normal(0.0, 1.0)).sum(dim=1).mean().item()
    assert sum(sums) / 2 == pytest.approx(expected, abs=1e-12)  # float64 round-off


@pytest.mark.parametrize("correlation", [0.0, 0.9])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_total_correlation_of_a_gaussian_aggregate(correlation: float, estimator: Estimator) -> None:
    dataset_size, batch, std = 1_000_000, 400, 0.7
    log_weights = ESTIMATORS[estimator](batch, dataset_size, None)
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(20):
        means, noise = torch.randn(2, batch, 2, generator=generator)
        means[:, 1] = correlation * means[:, 0] + math.sqrt(1 - correlation**2) * means[:, 1]
        log_variances = torch.full((batch, 2), 2 * math.log(std))
        parts = decompose_kl(means + std * noise, means, log_variances, log_weights)
        found.append(parts.total_correlation.item())
    if estimator == "weighted":
        found = [value - math.log(dataset_size) for value in found]  # (D - 1) log N
    # The aggregate is Gaussian with variances 1 + std^2 and covariance ``correlation``.
    exact = -0.5 * math.log(1 - (correlation / (1 + std**2)) ** 2)
    # Mean of 20 * 400 samples of log q(z) / q(z_1) q(z_2), whose standard deviation is below 1 here: five standard
    # errors are 0.056. The logarithm of a mean over 400 neighbors is off by some 5 / 400.
    assert sum(found) / 20 == pytest.approx(exact, abs=0.07)
    assert exact == (0 if correlation == 0 else pytest.approx(0.227, abs=0.001))


def test_information_of_separated_posteriors() -> None:
    means = 100 * torch.arange(8.0)[:, None].expand(8, 2)
    batch = means, means, torch.zeros(8, 2)
    assert parts_of(batch, stratified_log_weights(8, 500))[0].item() == pytest.approx(math.log(500), abs=1e-5)
    assert parts_of(batch, weighted_log_weights(8, 500))[0].item() == pytest.approx(math.log(4000), abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(3)), st.integers(0, 5), st.sampled_from(sorted(ESTIMATORS)))
def test_permutation_of_latents_and_rotation_of_the_batch(latents: list[int], shift: int, name: Estimator) -> None:
    log_weights = ESTIMATORS[name](6, 90, None)
    batch = posteriors()
    moved = [part[:, latents].roll(shift, dims=0) for part in batch]
    expected = pytest.approx(values(parts_of(batch, log_weights)), abs=1e-12)  # float64 round-off
    assert values(parts_of(moved, log_weights)) == expected


# Gradients, precision, memory


def test_gradients_are_those_of_finite_differences() -> None:
    batch = [part.requires_grad_() for part in posteriors(batch=4, latents=2)]
    log_weights = stratified_log_weights(4, 30)
    assert torch.autograd.gradcheck(lambda *parts: parts_of(parts, log_weights), batch)


def test_weighted_gradients_ignore_the_data_set_size() -> None:
    gradients = []
    for dataset_size in (6, 700_000):
        samples, means, log_variances = (part.requires_grad_() for part in posteriors())
        parts = decompose_kl(samples, means, log_variances, weighted_log_weights(6, dataset_size))
        gradients.append(torch.autograd.grad(parts.total_correlation, [samples, means, log_variances]))
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-12, atol=1e-12)  # float64 round-off


def test_float32_is_enough_for_narrow_posteriors() -> None:
    _, means, _ = posteriors(batch=32)
    log_variances = torch.full_like(means, 2 * math.log(1e-3))
    samples = (means + 1e-3 * torch.randn(32, 3, generator=torch.Generator().manual_seed(1))).float()
    exact = decompose_kl(samples.double(), means.float().double(), log_variances, stratified_log_weights(32, 1000))
    found = decompose_kl(samples, means.float(), log_variances.float(), stratified_log_weights(32, 1000))
    # Values of up to 3, in units of 1e-3, are off by 3000 * 6e-8 = 2e-4, which enters times noise of order 1.
    assert values(found) == pytest.approx(values(exact), abs=2e-3)


def test_autocast_changes_nothing() -> None:
    batch = [part.float() for part in posteriors()]
    expected = parts_of(batch, stratified_log_weights(6, 90))
    with torch.autocast("cpu", torch.bfloat16):
        assert parts_of(batch, stratified_log_weights(6, 90)) == expected


def test_memory_saved_for_backward() -> None:
    kept = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    batch = [part.float().requires_grad_() for part in posteriors(batch=40, latents=20)]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        parts = parts_of(batch, stratified_log_weights(40, 90))
    # Standardized samples and weighted densities, (B, B, D) each; all else is (B, B) or smaller.
    assert parts.total_correlation.requires_grad
    assert sum(kept.values()) < 2.5 * 40 * 40 * 20 * 4
