"""A run is resumed with the config that it was started with."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lr_lightning.commands.config.resume_check import config_changes
from tests.commands.fit.test_training import HELIX, run

SMALL = [*HELIX, "--trainer.logger=false", "--assays=null", "--trainer.max_epochs=1"]
ADAM = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.01, "betas": [0.9, 0.99]}}
CONFIG: dict[str, Any] = {
    "seed_everything": 0,
    "trainer": {"max_steps": 80, "gradient_clip_val": None, "callbacks": None, "logger": True, "max_time": None},
    "model": {"class_path": "lr_lightning.models.BetaVAE", "init_args": {"beta": 4, "optimizer": ADAM, "assays": None}},
    "data": {
        "class_path": "FactorDataModule",
        "init_args": {
            "split_seed": 0,
            "factors": {"a": 1},
            "augmentations": [{"class_path": "Flip"}, {"class_path": "Crop", "init_args": {"size": 8}}],
        },
    },
    "assays": {"units": {"class_path": "LatentStatisticsAssay"}},
    "checkpoint": {"monitor": "val/loss", "mode": "min"},
    "wandb": {"project": "lr_lightning"},
}


def changed(key: str, value: Any) -> dict[str, Any]:
    """Return the config with another value under a dotted key."""
    config: dict[str, Any] = json.loads(json.dumps(CONFIG))
    *path, last = key.split(".")
    inner = config
    for name in path:
        inner = inner[name]
    inner[last] = value
    return config


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("seed_everything", 3, "seed_everything: 0 -> 3"),
        ("model.init_args.beta", 1.5, "model.beta: 4 -> 1.5"),
        ("model.class_path", "lr_lightning.models.VAE", "model: BetaVAE -> VAE"),
        ("model.init_args.optimizer.init_args.lr", 1e-4, "model.optimizer.lr: 0.01 -> 0.0001"),
        ("model.init_args.optimizer.init_args.betas", [0.9, 0.9], "model.optimizer.betas: [0.9, 0.99] -> [0.9, 0.9]"),
        ("model.init_args.optimizer", {"class_path": "torch.optim.SGD"}, "model.optimizer: Adam -> SGD"),
        ("model.init_args.optimizer", None, "model.optimizer: Adam -> null"),
        ("model.init_args.optimizer.dict_kwargs", {"x": 1}, "model.optimizer.dict_kwargs: null -> {x: 1}"),
        ("data.init_args.split_seed", 1, "data.split_seed: 0 -> 1"),
        ("data.init_args.factors", {"a": 1, "b": "yes"}, "data.factors.b: null -> 'yes'"),
        (
            "data.init_args.augmentations",
            [{"class_path": "Flip"}, {"class_path": "Crop", "init_args": {"size": 9}}],
            "data.augmentations[1].size: 8 -> 9",
        ),
        ("data.init_args.augmentations", [{"class_path": "Flip"}], "data.augmentations: [Flip, Crop] -> [Flip]"),
        ("data.init_args.augmentations", None, "data.augmentations: [Flip, Crop] -> null"),
        ("trainer.gradient_clip_val", 1, "trainer.gradient_clip_val: null -> 1"),
        (
            "trainer.callbacks",
            [{"class_path": "pytorch_lightning.callbacks.StochasticWeightAveraging", "init_args": {"swa_lrs": 1}}],
            "trainer.callbacks: [] -> [StochasticWeightAveraging]",
        ),
        ("trainer.callbacks", [{"class_path": "no.such.Callback"}], "trainer.callbacks: [] -> [Callback]"),
    ],
)
def test_what_changes_training_is_named(key: str, value: Any, text: str) -> None:
    assert config_changes(CONFIG, changed(key, value)) == [text]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.init_args.beta", 4.0),
        ("trainer.max_steps", 90),
        ("trainer.max_time", "00:01:00:00"),
        ("trainer.logger", False),
        ("trainer.callbacks", [{"class_path": "pytorch_lightning.callbacks.EarlyStopping"}]),
        ("assays.units", None),
        ("assays", None),
        ("model.init_args.assays", [{"class_path": "LatentStatisticsAssay"}]),
        ("checkpoint.monitor", "val/kl"),
        ("wandb.project", "other"),
        ("model.init_args.optimizer", "Unable to serialize instance <function at 0x7>"),
    ],
)
def test_what_ends_logs_or_assays_may_change(key: str, value: Any) -> None:
    assert config_changes(CONFIG, changed(key, value)) == []


def test_only_what_is_known_is_compared() -> None:
    assert config_changes({"model": CONFIG["model"]}, changed("data.init_args.split_seed", 1)) == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch."""
    folder = tmp_path_factory.mktemp("config_changes") / "helix"
    assert run("fit", *SMALL, f"--trainer.default_root_dir={folder}") == 0
    return folder


def test_a_changed_config_is_refused_with_a_command_that_works(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    here = f"--trainer.default_root_dir={trained}"
    assert run("fit", *SMALL, here, "--model.optimizer.lr=1e-4", "--data.split_seed=7", "--ckpt_path=last") == 2
    error = capsys.readouterr().err
    assert "model.optimizer.lr: 0.01 -> 0.0001" in error
    assert "data.split_seed: 0 -> 7" in error
    checkpoint = trained / "checkpoints" / "last.ckpt"
    assert f"--data.split_seed=7 --initial_weights={checkpoint}" in error
    assert "--ckpt_path" not in error
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before

    outside = shutil.copy(checkpoint, "copy.ckpt")
    assert run("fit", *SMALL, "--model.beta=2", f"--ckpt_path={outside}") == 2
    assert re.search(r"copy\.ckpt.*model\.beta: 0\.05 -> 2\.0", capsys.readouterr().err)
    assert run("fit", *SMALL, here, "--model.network.widths=[8]", "--ckpt_path=last") == 2
    assert "model.network.widths: [32, 32, 32, 32] -> [8]" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_new_run_starts_from_weights_alone(trained: Path) -> None:
    checkpoint = trained / "checkpoints" / "last.ckpt"
    options = [*SMALL, "--model.optimizer=torch.optim.SGD", "--model.optimizer.lr=0"]
    assert run("fit", *options, f"--initial_weights={checkpoint}") == 0
    first, second = (torch.load(path, weights_only=True) for path in (checkpoint, "runs/helix/checkpoints/last.ckpt"))
    assert all(torch.equal(value, second["state_dict"][key]) for key, value in first["state_dict"].items())
    assert second["global_step"] == 4
    assert second["optimizer_states"][0]["param_groups"][0]["lr"] == 0
    config = yaml.safe_load(Path("runs/helix/config.yaml").read_text())
    assert config["initial_weights"] == str(checkpoint)
    # it continues from its own checkpoint, even if the option is not given again
    assert run("fit", *options, "--trainer.max_epochs=2", "--ckpt_path=last") == 0
    assert torch.load("runs/helix/checkpoints/last.ckpt", weights_only=True)["global_step"] == 8
    assert yaml.safe_load(Path("runs/helix/config.yaml").read_text())["initial_weights"] == str(checkpoint)


def test_a_config_of_an_earlier_version_has_the_defaults_of_what_it_lacks(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(trained, "runs/helix"))
    config = yaml.safe_load((folder / "config.yaml").read_text())
    del config["initial_weights"], config["model"]["init_args"]["updates_per_batch"]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert run("fit", *SMALL, "--ckpt_path=last", "--model.updates_per_batch=2") == 2
    assert "model.updates_per_batch: 1 -> 2" in capsys.readouterr().err
    (folder / "config.yaml").write_text("[")
    assert run("fit", *SMALL, "--ckpt_path=last") == 2
    assert "config.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("weights", ["missing.ckpt", "broken.ckpt"])
def test_weights_that_cannot_be_read_leave_no_run(weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.ckpt").write_bytes(b"PK nothing")
    assert run("fit", *SMALL, f"--initial_weights={weights}") != 0
    assert weights in capsys.readouterr().err
    assert not Path("runs").exists()
