"""What a search draws values from."""

import re
from typing import Any

import pytest

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.search.space import Distribution, read_space
from tests.extras import needs


def test_reads_all_kinds() -> None:
    given: dict[str, Any] = {
        "model.beta": {"log_uniform": [1, 16]},
        "model.c_max": {"uniform": [0.0, 50.0]},
        "model.network.latent_dim": {"int": [2, 10]},
        "data.batch_size": {"log_int": [16, 256]},
        "model": {"choice": ["BetaVAE", "RAE", None, 3, True]},
    }
    space = read_space(given)
    assert list(space) == list(given)
    assert space["model.beta"] == Distribution("log_uniform", (1, 16))
    assert read_space({"model.beta": {"log_uniform": ["1e-3", 2]}})["model.beta"].values == (0.001, 2)  # as YAML has it
    assert space["model"].values == ("BetaVAE", "RAE", None, 3, True)


@needs("optuna")
@pytest.mark.parametrize(
    ("kind", "values", "name", "log"),
    [
        ("uniform", (0.5, 2), "FloatDistribution", False),
        ("log_uniform", (1, 16), "FloatDistribution", True),
        ("int", (2, 10), "IntDistribution", False),
        ("log_int", (2, 10), "IntDistribution", True),
    ],
)
def test_optuna_knows_the_same_bounds(kind: str, values: tuple[float, float], name: str, log: bool) -> None:
    found = Distribution(kind, values).for_optuna()
    assert type(found).__name__ == name
    assert (found.low, found.high, found.log) == (*values, log)


@needs("optuna")
def test_optuna_knows_the_same_choices() -> None:
    assert Distribution("choice", ("a", 2, None)).for_optuna().choices == ("a", 2, None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"space.*None"),
        ({}, r"space.*\{\}"),
        ([1], r"space.*\[1\]"),
        ({"model.beta": [1, 2]}, r"model\.beta.*\[1, 2\]"),
        ({"model.beta": {"uniform": [0, 1], "int": [1, 2]}}, r"model\.beta.*one distribution"),
        ({"model.beta": {"lognormal": [1, 2]}}, r"model\.beta.*'lognormal'.*log_uniform"),
        ({"model.beta": {"gauss": [1, 2]}}, r"'gauss'.*uniform, log_uniform, int, log_int, choice"),
        ({"model.beta": {"uniform": 3}}, r"model\.beta\.uniform.*3"),
        ({"model.beta": {"uniform": [2, 1]}}, r"model\.beta\.uniform.*\[2, 1\]"),
        ({"model.beta": {"uniform": [1, 1]}}, r"model\.beta\.uniform.*\[1, 1\]"),
        ({"model.beta": {"uniform": [1, float("inf")]}}, r"model\.beta\.uniform.*inf"),
        ({"model.beta": {"uniform": [1, 2, 3]}}, r"model\.beta\.uniform.*\[1, 2, 3\]"),
        ({"model.beta": {"uniform": ["a", 2]}}, r"model\.beta\.uniform.*'a'"),
        ({"model.beta": {"uniform": [False, True]}}, r"model\.beta\.uniform.*False"),
        ({"model.beta": {"log_uniform": [0, 1]}}, r"model\.beta\.log_uniform.*positive.*\[0, 1\]"),
        ({"model.beta": {"int": [1.5, 3]}}, r"model\.beta\.int.*whole.*1\.5"),
        ({"model.beta": {"choice": []}}, r"model\.beta\.choice.*\[\]"),
        ({"model.beta": {"choice": [[1], [2]]}}, r"model\.beta\.choice.*\[\[1\], \[2\]\]"),
        ({"model.beta": {"choice": [1, 1]}}, r"model\.beta\.choice.*twice.*\[1, 1\]"),
    ],
)
def test_rejects_wrong_distributions(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_space(given)


def test_rejections_name_the_key() -> None:
    with pytest.raises(UsageError) as error:
        read_space({"data.batch_size": {"int": [8]}})
    assert re.match(r"space: data\.batch_size\.int ", str(error.value))
