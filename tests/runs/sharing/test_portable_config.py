"""Configs without what belongs to a machine."""

from typing import Any

import pytest

from lr_lightning.runs.sharing.portable_config import portable_config

CONFIG: dict[str, Any] = {
    "seed_everything": 3,
    "seeds": [3, 5],
    "ckpt_path": None,
    "initial_weights": "/home/me/other/best.ckpt",
    "wandb": {"entity": "me", "project": "secret"},
    "trainer": {
        "default_root_dir": "/home/me/runs/first",
        "logger": [{"class_path": "TensorBoardLogger", "init_args": {"save_dir": "/home/me/logs"}}],
        "callbacks": [{"class_path": "Timer", "init_args": {"duration": "00:01:00:00"}}],
        "max_steps": 10,
    },
    "model": {"class_path": "BetaVAE", "init_args": {"beta": 4.0, "network": {"init_args": {"weights": "/w/r.pth"}}}},
    "data": {"init_args": {"dataset": {"init_args": {"path": "/mnt/data_sets/shapes/3dshapes.h5", "seed": None}}}},
}


def test_what_belongs_to_a_machine_is_replaced() -> None:
    portable = portable_config(CONFIG)
    assert "/home/me" not in str(portable)
    assert portable.keys() == {"seed_everything", "seeds", "trainer", "model", "data"}
    assert portable["trainer"] == {
        "default_root_dir": "runs/first",
        "logger": None,
        "callbacks": CONFIG["trainer"]["callbacks"],
        "max_steps": 10,
    }
    assert portable["model"]["init_args"] == {"beta": 4.0, "network": {"init_args": {"weights": "r.pth"}}}
    assert portable["data"]["init_args"]["dataset"]["init_args"] == {
        "path": "data_sets/shapes/3dshapes.h5",
        "seed": None,
    }
    assert CONFIG["trainer"]["default_root_dir"] == "/home/me/runs/first"  # not modified


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("~/pictures", "pictures"),
        (r"C:\Users\me\data_sets\a.h5", "data_sets/a.h5"),
        (r"C:\Users\me\a.h5", "a.h5"),
        ("data_sets/a.h5", "data_sets/a.h5"),
        ("/a/data_sets/b/data_sets/c.h5", "data_sets/c.h5"),
        ("torch.nn.ELU", "torch.nn.ELU"),
        ("a/b", "a/b"),
        ("", ""),
    ],
)
def test_absolute_paths_are_shortened(path: str, expected: str) -> None:
    assert portable_config({"data": [path]})["data"] == [expected]


def test_one_model_of_an_ensemble_has_its_own_seed() -> None:
    portable = portable_config(CONFIG, seed=5)
    assert (portable["seeds"], portable["seed_everything"]) == (None, 5)


@pytest.mark.parametrize("logger", [True, False])
def test_whether_anything_is_logged_is_kept(logger: bool) -> None:
    assert portable_config({"trainer": {"logger": logger}})["trainer"]["logger"] is logger
