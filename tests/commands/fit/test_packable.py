"""Which configs can be trained together."""

from copy import deepcopy
from typing import Any

import pytest

from lr_lightning.commands.fit.packable import check_shared, shared_values

SCHEDULE = {"class_path": "LinearSchedule", "init_args": {"start": 0.0, "end": 4.0, "num_steps": 100}}
CONFIG: dict[str, Any] = {
    "seed_everything": 0,
    "wandb": {"name": "one"},
    "ckpt_path": None,
    "trainer": {"max_steps": 100, "default_root_dir": "one", "callbacks": None},
    "data": {"class_path": "FactorDataModule", "init_args": {"batch_size": 64}},
    "model": {
        "class_path": "FactorVAE",
        "init_args": {
            "gamma": 10.0,
            "beta": SCHEDULE,
            "flag": True,
            "text": "mean",
            "widths": [8, 8],
            "updates_per_batch": 1,
            "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 1e-4, "betas": [0.9, 0.99]}},
            "network": {"class_path": "MLP", "init_args": {"latent_dim": 3}},
        },
    },
}


def changed(key: str, value: Any) -> dict[str, Any]:
    """Return the config with a value changed, whose key has a part for each mapping or list."""
    config = deepcopy(CONFIG)
    *parts, last = key.split(".")
    place: Any = config
    for part in parts:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[int(last) if isinstance(place, list) else last] = value
    return config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed_everything", 3),
        ("wandb.name", "two"),
        ("ckpt_path", "last.ckpt"),
        ("trainer.default_root_dir", "two"),
        ("model.init_args.gamma", 50),
        ("model.init_args.beta.init_args.num_steps", 7),
        ("model.init_args.widths.1", 9),
        ("model.init_args.optimizer.init_args.lr", 1e-3),
        ("model.init_args.optimizer.init_args.betas.0", 0.5),
    ],
)
def test_numbers_of_the_model_and_a_run_s_own_values_may_differ(key: str, value: Any) -> None:
    check_shared(CONFIG, changed(key, value))


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("trainer.max_steps", 200, r"trainer\.max_steps, which is 100 and 200"),
        ("data.init_args.batch_size", 32, r"data\.batch_size, which is 64 and 32"),
        ("model.class_path", "VAE", r"model, which is FactorVAE and VAE"),
        ("model.init_args.flag", False, r"model\.flag"),
        ("model.init_args.text", "sample", r"model\.text"),
        ("model.init_args.gamma", None, r"model\.gamma"),
        ("model.init_args.gamma", SCHEDULE, r"model\.gamma"),
        ("model.init_args.widths", [8], r"model\.widths"),
        ("model.init_args.updates_per_batch", 2, r"model\.updates_per_batch"),
        ("model.init_args.network.init_args.latent_dim", 4, r"model\.network\.latent_dim, which is 3 and 4"),
        ("model.init_args.optimizer.class_path", "torch.optim.SGD", r"model\.optimizer"),
        ("model.init_args.other", 1, r"model\.other, which is not set and"),
        ("initial_weights", "a.ckpt", r"initial_weights"),
    ],
)
def test_all_else_must_be_the_same(key: str, value: Any, name: str) -> None:
    other = changed(key, value)
    assert shared_values(other) != shared_values(CONFIG)
    with pytest.raises(ValueError, match=name):
        check_shared(CONFIG, other)


def test_an_empty_list_and_none_are_no_numbers() -> None:
    values = shared_values({"model": {"class_path": "VAE", "init_args": {"a": [], "b": None, "c": 2}}})
    assert values == {"model": "VAE", "model.a.length": "0", "model.b": None, "model.c": ...}
