"""Differences of two runs."""

import math

import torch

from lr_lightning.commands.compare.differences import config_rows, scalar_rows, weights_sentence

CONFIG = {
    "seed_everything": 0,
    "model": {"class_path": "models.BetaVAE", "init_args": {"beta": 4.0, "network": {"class_path": "MLP"}}},
    "assays": {"scores": {"class_path": "Scores", "init_args": {"metrics": ["mig"]}}},
    "trainer": {"max_steps": 5, "default_root_dir": "runs/a", "callbacks": [{"class_path": "Timer", "init_args": {}}]},
}


def test_keys_that_differ_have_the_names_of_the_command_line() -> None:
    second = {
        **CONFIG,
        "model": {"class_path": "models.VAE", "init_args": {"network": {"class_path": "MLP", "init_args": {"n": 3}}}},
        "assays": {"scores": {"class_path": "Scores", "init_args": {"metrics": ["mig", "dci"]}}},
        "trainer": {"max_steps": 5, "default_root_dir": "runs/b", "callbacks": [{"class_path": "Other"}]},
    }
    assert config_rows(CONFIG, second) == [
        ("model", "models.BetaVAE", "models.VAE", ""),
        ("model.beta", "4.0", "-", ""),
        ("assays.scores.metrics", "[mig]", "[mig, dci]", ""),
        ("trainer.callbacks[0]", "Timer", "Other", ""),
        ("model.network.n", "-", "3", ""),
    ]
    assert config_rows(CONFIG, {**CONFIG, "initial_weights": None}) == []


def test_scalars_are_side_by_side() -> None:
    first = {"val/loss": 3.0, "val/kl": math.nan, "only/first": 1.0, "assay/x/seconds": 1.0}
    second = {"val/loss": 2.5, "val/kl": 1.0, "assay/x/seconds": 2.0}
    assert scalar_rows(first, second) == [
        ("val/kl", "nan", "1", ""),
        ("val/loss", "3", "2.5", "-0.5"),
        ("only/first", "1", "-", ""),
    ]


def test_equal_scalars_are_equal_in_all_digits() -> None:
    first = {"a": 1.0, "b": 1.0, "c": math.nan, "d": math.nan, "e": math.inf, "f": math.inf, "g": 1.0}
    second = {"a": 1.0, "b": 1.0 + 2**-52, "c": math.nan, "d": 1.0, "e": math.inf, "f": -math.inf}
    rows = scalar_rows(first, second)
    assert [row.key for row in rows if row.is_equal] == ["a", "c", "e"]
    assert rows[1] == ("b", "1", "1", "+2.22e-16")


def test_weights_are_compared_to_the_bit() -> None:
    first = {"a": torch.tensor([1.0, math.nan]), "b": torch.tensor([2, 3])}
    assert "equal to the bit, all 2" in weights_sentence(first, {name: value.clone() for name, value in first.items()})
    assert "different in 1 of 2 tensors, by at most 2 (b)" in weights_sentence(
        first, first | {"b": torch.tensor([2, 5])}
    )
    smallest = torch.tensor(1.0).nextafter(torch.tensor(2.0))
    zero = weights_sentence({"a": torch.tensor([0.0, 1.0])}, {"a": torch.stack([torch.tensor(-0.0), smallest])})
    assert "different in 1 of 1 tensors, by at most 1.2e-07" in zero
    assert "by at most inf (a)" in weights_sentence(first, first | {"a": torch.zeros(2)})


def test_weights_of_different_networks_are_named() -> None:
    first = {"a": torch.zeros(2), "b": torch.zeros(3)}
    assert "1 differ in shape or type, first b, (3,) torch.float32 and missing" in weights_sentence(
        first, {"a": torch.zeros(2)}
    )
    assert "(2,) torch.float32 and (2,) torch.float64" in weights_sentence(
        {"a": torch.zeros(2)}, {"a": torch.zeros(2).double()}
    )
