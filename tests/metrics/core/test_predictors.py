"""Classifiers for scores of what codes are worth downstream."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lr_lightning.metrics.core.predictors import PREDICTORS, Predictor, accuracy_held_out, fit, fitted
from lr_lightning.metrics.core.sample import Sample, Sampling, draw
from tests.metrics.cases import FIRST_ROWS, ideal_case


@pytest.fixture
def rotated() -> Sample:
    return draw(*ideal_case("rotF"), FIRST_ROWS)


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_tells_a_factor_that_is_there(rotated: Sample, predictor: Predictor) -> None:
    predict = fit(rotated, predictor, rotated.codes[:300], rotated.factors[:300, 0])
    accuracy = (predict(rotated.test_codes) == rotated.test_factors[:, 0]).mean()
    assert accuracy > 0.5  # chance is a sixth


def test_boosting_is_that_of_scikit_learn(rotated: Sample) -> None:
    codes, labels = rotated.codes[:100], rotated.factors[:100, 1]
    seed = int(rotated.random("predictor gbt").integers(2**31))  # it breaks ties at random
    expected = GradientBoostingClassifier(random_state=seed).fit(codes, labels).predict(rotated.test_codes)
    np.testing.assert_array_equal(fit(rotated, "gbt", codes, labels)(rotated.test_codes), expected)


def test_histograms_lose_little_against_scikit_learn(rotated: Sample) -> None:
    accuracies = [accuracy_held_out(rotated, predictor, 2, 500) for predictor in ("lightgbm", "gbt")]
    assert accuracies[0] == pytest.approx(accuracies[1], abs=0.06)


def test_logistic_is_that_of_scikit_learn_on_standardised_codes(rotated: Sample) -> None:
    scaler = StandardScaler().fit(rotated.codes)
    expected = LogisticRegression(max_iter=1000).fit(scaler.transform(rotated.codes), rotated.factors[:, 0])
    predicted = fitted(rotated, "logistic", 0, 2000)(rotated.test_codes)
    assert (predicted == expected.predict(scaler.transform(rotated.test_codes))).mean() > 0.995


def test_logistic_does_not_blow_up_a_latent_that_stands_still() -> None:
    sample = draw(*ideal_case("ident"), FIRST_ROWS)
    still = sample.factors[:, 0] == 2
    predict = fit(sample, "logistic", sample.codes[still], sample.factors[still, 1])
    assert (predict(sample.test_codes) == sample.test_factors[:, 1]).mean() > 0.9


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_only_labels_that_were_seen_are_predicted(rotated: Sample, predictor: Predictor) -> None:
    seen = np.flatnonzero(np.isin(rotated.factors[:, 0], [1, 4]))[:100]
    predict = fit(rotated, predictor, rotated.codes[seen], rotated.factors[seen, 0])
    assert set(predict(rotated.test_codes).tolist()) == {1, 4}
    single = fit(rotated, predictor, rotated.codes[:5], np.full(5, 3))
    assert single(rotated.test_codes).tolist() == [3] * 1000


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_dead_codes_are_predicted_by_frequency(predictor: Predictor) -> None:
    labels = torch.tensor([[0], [1], [1]]).repeat(20, 1)
    sample = draw(torch.full((60, 2), 0.1), labels, Sampling(num_train=40, num_test=20, order="first"))
    assert fitted(sample, predictor, 0, 40)(sample.test_codes).tolist() == [1] * 20


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_equal_seeds_give_equal_predictions(predictor: Predictor) -> None:
    predictions = []
    for _ in range(2):
        sample = draw(*ideal_case("noise"), FIRST_ROWS)
        predictions.append(fitted(sample, predictor, 0, 100)(sample.test_codes))
    np.testing.assert_array_equal(predictions[0], predictions[1])


def test_fitted_once_per_sample(rotated: Sample) -> None:
    assert fitted(rotated, "logistic", 0, 100) is fitted(rotated, "logistic", 0, 100)
    assert fitted(rotated, "logistic", 0, 100) is not fitted(rotated, "logistic", 0, 200)


def test_histograms_learn_from_few_rows() -> None:
    """Forty rows are enough for six values that one latent tells, if leaves may be as small as scikit-learn's."""
    sample = draw(*ideal_case("ident"), FIRST_ROWS)
    assert accuracy_held_out(sample, "lightgbm", 0, 40) > 0.95
