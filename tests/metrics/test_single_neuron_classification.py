"""Single-neuron classification."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.single_neuron_classification import SingleNeuronClassification, single_neuron_classification
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case, values_of


class TestSingleNeuronClassification(MetricTester):
    metric_class = SingleNeuronClassification
    invariances = ("permuted latents", "dead latents", "rescaled latents")


@pytest.mark.parametrize(
    ("name", "expected"),
    list(zip(IDEAL_NAMES, [0.97, 0.97, 0.3, 0.3, 0.97, 0.97, 0.97, 0.57, 0.65, 0.17], strict=True)),
)
def test_ideal_cases(name: str, expected: float) -> None:
    result = single_neuron_classification(*ideal_case(name), sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=0.06)


def authors_tables() -> dict[str, tuple[Tensor, Tensor]]:
    """Return the tables that the authors' code was run on: 2000 rows to train on, and 1000 held out."""
    rng = np.random.default_rng(0)
    factors = rng.integers(0, (4, 5, 6, 3, 4), size=(3000, 5))
    values = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    jitter = 0.05 * rng.normal(size=values.shape)
    turn = np.eye(5)
    turn[:2, :2] = np.sqrt(0.5) * np.array([[1, -1], [1, 1]])
    noise = rng.normal(size=(3000, 6))
    mixed = np.concatenate([values + 0.4 * noise[:, :5], values[:, :2] + 0.4 * rng.normal(size=(3000, 2))], axis=1)
    tables = {"perfect": values + jitter, "rotated": values @ turn.T + jitter, "noise": noise, "mixed": mixed}
    return {name: (torch.from_numpy(codes), torch.from_numpy(factors)) for name, codes in tables.items()}


@pytest.mark.parametrize(
    ("name", "test", "train", "latents"),
    [
        ("perfect", (0.973, 0.982, 0.975, 0.979, 0.966), 0.9745, [0, 1, 2, 3, 4]),
        ("rotated", (0.490, 0.378, 0.975, 0.979, 0.966), 0.7537, [0, 1, 2, 3, 4]),
        ("mixed", (0.805, 0.717, 0.610, 0.906, 0.790), 0.7778, [5, 1, 2, 3, 4]),
        ("noise", (0.260, 0.207, 0.152, 0.308, 0.235), 0.2631, [1, 4, 2, 3, 0]),
    ],
)
def test_as_the_authors(name: str, test: tuple[float, ...], train: float, latents: list[int]) -> None:
    result = single_neuron_classification(*authors_tables()[name], sampling=FIRST_ROWS)
    assert result.per_factor["latent"].tolist() == latents
    assert result["snc_train"] == pytest.approx(train, abs=1e-4)
    # For noise, several predictions of the bins are right equally often in training, and not on the test.
    tolerance = 0.02 if name == "noise" else 1e-9
    assert result.per_factor["accuracy_test"].tolist() == pytest.approx(test, abs=tolerance)


def test_closed_form_for_values_of_unequal_frequency() -> None:
    factor = torch.tensor([0, 0, 0, 1]).repeat(100)[:, None]
    codes = factor + torch.linspace(0, 0.1, 400, dtype=torch.float64)[:, None]
    twice = (codes.repeat(2, 1), factor.repeat(2, 1))
    result = single_neuron_classification(*twice, sampling=Sampling(400, 400, "first"))
    assert values_of(result) == {"snc": 0.75, "snc_train": 0.75}  # of the upper half, a half is 1


def test_numbers_for_values_are_told_apart_in_spite_of_their_frequencies() -> None:
    factor = torch.arange(4).repeat_interleave(torch.tensor([26, 24, 27, 23]))[:, None]
    # the last ranks of 0 and 1 lie in the same bin
    twice = factor.repeat(2, 1)
    assert single_neuron_classification(twice.double(), twice, sampling=Sampling(100, 100, "first")).value == 1.0


def test_any_order_of_the_values_will_do() -> None:
    codes, factors = ideal_case("ident")
    changed = factors.clone()
    changed[:, 0] = torch.tensor([3, 1, 5, 0, 4, 2])[factors[:, 0]]
    expected = single_neuron_classification(codes, factors, sampling=FIRST_ROWS).value
    assert single_neuron_classification(codes, changed, sampling=FIRST_ROWS).value == expected
    assert single_neuron_classification(codes.double().exp(), factors, sampling=FIRST_ROWS).value == expected


def test_more_factors_than_latents_share_them() -> None:
    codes, factors = ideal_case("ident")
    result = single_neuron_classification(codes[:, :2], factors, sampling=FIRST_ROWS)
    latents = result.per_factor["latent"].tolist()
    assert latents[:2] == [0, 1]
    assert sorted(latents[2:]) == [0, 1]


def test_chance_and_ceiling() -> None:
    codes, factors = ideal_case("noise")
    score = with_levels(single_neuron_classification, draw(codes, factors)).scores["snc"]
    assert score.value == pytest.approx(1 / 6, abs=0.03)
    assert score.chance == pytest.approx(1 / 6, abs=0.02)
    assert score.ceiling == 1.0


def test_undefined_without_rows_held_out() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="snc is undefined: no rows are held out"):
        result = single_neuron_classification(codes, factors, sampling=Sampling(3000, 0))
    assert np.isnan(result.value)
    assert result["snc_train"] > 0.9
