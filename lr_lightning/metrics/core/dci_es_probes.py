"""Families of regressors of growing capacity, for loss-capacity curves."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from lr_lightning.metrics.core.quiet_fit import fit_quietly
from lr_lightning.metrics.core.sample import Floats

Probe: TypeAlias = Literal["random_fourier_features", "mlp", "forest"]
PROBES = ("random_fourier_features", "mlp", "forest")
CAPACITIES: dict[str, tuple[int, ...]] = {
    "random_fourier_features": (0, 3, 15, 63, 255, 1023),
    "mlp": (0, 3, 15, 63),
    "forest": (1, 2, 4, 8, 16),
}
RIDGE = 1e-4
MLP_EPOCHS, FOREST_TREES = 60, 20


class Rows(NamedTuple):
    """Standardized codes, and factors in units of the deviation of those to train on.

    Attributes:
        codes: Codes to train on ``(N, D)``.
        factors: Their factors ``(N, K)``.
        test_codes: Codes held out ``(M, D)``.
    """

    codes: Floats
    factors: Floats
    test_codes: Floats


def predictions_of_growing_probes(probe: Probe, rows: Rows, capacities: Sequence[int], seeds: Sequence[int]) -> Floats:
    """Return the predictions of a probe of each capacity on the held-out rows, ``(capacities, M, K)``."""
    if probe == "random_fourier_features":
        return _by_fourier_features(rows, capacities, seeds[0])
    fit = _by_perceptron if probe == "mlp" else _by_forest
    return np.stack([_each_factor(fit, rows, capacity, seeds) for capacity in capacities])


def position_on_axis(probe: Probe, capacities: Sequence[int]) -> Floats:
    """Return logarithms of capacities, ``(capacities,)``: of features or units and one, or of leaves."""
    position: Floats = np.array(capacities) * np.log(2) if probe == "forest" else np.log1p(np.array(capacities))
    return position


def _by_fourier_features(rows: Rows, capacities: Sequence[int], seed: int) -> Floats:
    """Ridge regression on the codes and random cosines of them; each capacity adds cosines to those of the last."""
    from scipy.linalg import solve

    latent_dim, most = rows.codes.shape[1], max(capacities)
    random = np.random.default_rng(seed)
    frequencies = random.normal(size=(most, latent_dim)).T * np.sqrt(2 / latent_dim)  # distances are about sqrt(2 D)
    phases = random.uniform(0, 2 * np.pi, size=most)

    def features(codes: Floats) -> Floats:
        return np.concatenate([codes, np.sqrt(2) * np.cos(codes @ frequencies + phases)], axis=1)

    train, test = features(rows.codes), features(rows.test_codes)
    mean = train.mean(axis=0)
    train, test = train - mean, test - mean
    gram, moments = train.T @ train / len(train), train.T @ rows.factors / len(train)
    gram[np.diag_indices_from(gram)] += RIDGE
    predictions = []
    for capacity in capacities:
        size = latent_dim + capacity
        weights = solve(gram[:size, :size], moments[:size], assume_a="pos")
        predictions.append(test[:, :size] @ weights)
    return np.stack(predictions)


def _each_factor(
    fit: Callable[[Rows, Floats, int, int], Floats], rows: Rows, capacity: int, seeds: Sequence[int]
) -> Floats:
    return np.stack([fit(rows, y, capacity, seed) for y, seed in zip(rows.factors.T, seeds, strict=True)], axis=1)


def _by_perceptron(rows: Rows, factor: Floats, width: int, seed: int) -> Floats:
    """One hidden layer of rectified units; linear regression if its width is 0."""
    from sklearn.linear_model import LinearRegression
    from sklearn.neural_network import MLPRegressor

    if not width:
        linear: Floats = LinearRegression().fit(rows.codes, factor).predict(rows.test_codes)
        return linear
    model = MLPRegressor(hidden_layer_sizes=(width,), learning_rate_init=1e-2, max_iter=MLP_EPOCHS, random_state=seed)
    # the number of epochs is part of the probe's definition
    predicted: Floats = fit_quietly(model, rows.codes, factor).predict(rows.test_codes)
    return predicted


def _by_forest(rows: Rows, factor: Floats, depth: int, seed: int) -> Floats:
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(FOREST_TREES, max_depth=depth, random_state=seed)
    predicted: Floats = model.fit(rows.codes, factor).predict(rows.test_codes)
    return predicted
