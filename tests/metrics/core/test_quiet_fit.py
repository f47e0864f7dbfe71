"""Fits of several models in threads."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from lr_lightning.metrics.core.quiet_fit import fit_in_threads
from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.explicitness import explicitness
from lr_lightning.metrics.infomec import infomec
from lr_lightning.metrics.separated_attribute_predictability import separated_attribute_predictability
from tests.metrics.cases import reference_case


def test_results_are_in_the_order_of_the_items_and_warnings_are_silent() -> None:
    def fit(item: int) -> int:
        warnings.warn("not converged", ConvergenceWarning, stacklevel=1)
        return item * item

    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        assert fit_in_threads(fit, range(20)) == [item * item for item in range(20)]
    assert not notes
    assert list(warnings.filters) == before


def test_other_warnings_and_errors_are_passed_on() -> None:
    def fit(item: int) -> float:
        if item == 1:
            warnings.warn("look at this", UserWarning, stacklevel=1)
        return 1 / item

    with pytest.warns(UserWarning, match="look at this"):
        assert fit_in_threads(fit, [1, 2]) == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        fit_in_threads(fit, [2, 0])


@pytest.mark.parametrize("metric", [explicitness, infomec, separated_attribute_predictability])
def test_the_number_of_threads_does_not_matter(metric: Callable[..., MetricResult]) -> None:
    codes, factors, _ = reference_case("dct_rotation")
    sampling, threads, found = Sampling(num_train=300, num_test=100), torch.get_num_threads(), []
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            found.append(metric(codes, factors, sampling=sampling).scores)
    finally:
        torch.set_num_threads(threads)
    assert found[0] == found[1]
    assert all(np.isfinite(score.value) for score in found[0].values())
