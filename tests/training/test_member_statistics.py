"""Means and standard deviations over the members of an ensemble."""

import math

import numpy as np
import pytest

from lr_lightning.training.member_statistics import member_statistics, scalars_of_member


def test_mean_and_sample_deviation_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 5)
    found = member_statistics(
        [f"seed_{seed}" for seed in range(10, 15)], [{"val/loss": value} for value in values.tolist()]
    )
    # float64 round-off of a sum of five
    assert found.pop("val/loss") == pytest.approx(values.mean(), rel=1e-14)
    assert found.pop("val/loss_sd") == pytest.approx(values.std(ddof=1), rel=1e-14)
    assert found == {f"seed_{10 + i}/val/loss": value for i, value in enumerate(values.tolist())}


def test_one_member_has_no_deviation() -> None:
    assert member_statistics(["seed_3"], [{"a": 2.0}]) == {"seed_3/a": 2.0, "a": 2.0}


def test_what_one_member_has_alone_is_not_averaged() -> None:
    found = member_statistics(["seed_0", "seed_1"], [{"a": 1.0, "b": 2.0}, {"a": 3.0, "c": 4.0}])
    own = {"seed_0/a": 1.0, "seed_0/b": 2.0, "seed_1/a": 3.0, "seed_1/c": 4.0}
    assert found == own | {"a": 2.0, "a_sd": pytest.approx(math.sqrt(2))}


@pytest.mark.parametrize("undefined", [math.nan, math.inf])
def test_what_one_member_leaves_undefined_is_not_hidden(undefined: float) -> None:
    found = member_statistics(["seed_0", "seed_1"], [{"a": 1.0}, {"a": undefined}])
    assert not math.isfinite(found["a"])
    assert math.isnan(found["a_sd"])


@pytest.mark.parametrize("names", [["seed_3", "seed_13"], ["strong", "strong_2"]])
def test_the_scalars_of_one_member_are_those_that_it_would_log_alone(names: list[str]) -> None:
    alone = [{"val/loss": 1.0, "val/kl": 2.0}, {"val/loss": 3.0}]  # one assay may fail on one seed
    logged = member_statistics(names, alone) | {"epoch": 4.0, "train/beta": 0.5, "val_sd": 7.0}
    shared = {"epoch": 4.0, "train/beta": 0.5, "val_sd": 7.0}
    assert scalars_of_member(logged, names[0], names) == alone[0] | shared
    assert scalars_of_member(logged, names[1], names) == alone[1] | shared


def test_a_member_that_has_ended_does_not_get_the_means_of_the_others() -> None:
    names = ["seed_0", "seed_1", "seed_2"]
    logged = member_statistics(names[:2], [{"val/loss": 1.0}, {"val/loss": 3.0}]) | {"epoch": 4.0}
    assert scalars_of_member(logged, "seed_2", names) == {"epoch": 4.0}
