"""Errors of the parser as one sentence."""

import re
from argparse import ArgumentError
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonargparse import ArgumentParser

from lr_lightning.commands.messages import plain_message
from lr_lightning.configs import CONFIG_FOLDER
from lr_lightning.networks import AutoencoderNetwork
from tests.commands.fit.test_training import run

NESTED = """Parser key "model":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'lr_lightning.models.base.AutoencoderModule'>, <class 'NoneType'>]
  Errors:
    - {error}
    - Expected a <class 'NoneType'>
  Given value type: <class 'dict'>
  Given value: {{'class_path': 'BetaVAE'}}"""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("latent_dim must be at least 1, got 0", "model: latent_dim must be at least 1, got 0"),
        (
            "Problem with given class_path 'lr_lightning.models.BetaVAE':\n        Option 'bet' is not accepted",
            "model: BetaVAE has no argument 'bet'; did you mean beta?",
        ),
        (
            # an argument of a base class, which the class itself passes on
            "Problem with given class_path 'lr_lightning.models.BetaVAE':\n        Option 'kll' is not accepted",
            "model: BetaVAE has no argument 'kll'; did you mean kl?",
        ),
        (
            # an argument of the base class that the class itself does not take
            "Problem with given class_path 'lr_lightning.callbacks.LatentStatisticsAssay':\n"
            "    Option 'seed' is not accepted",
            "model: LatentStatisticsAssay has no argument 'seed'; there are active_threshold, every_n_validations",
        ),
        ("Expected a dot import path string: BetVAE", "model: there is no class 'BetVAE'; did you mean BetaVAE?"),
        (
            "Expected a dot import path string: VAE",  # known, and not what is asked for
            "model: the class 'VAE' is of another kind than what is needed here",
        ),
        ("Expected a dot import path string: Zzz", "model: there is no class 'Zzz'; there are BetaVAE, VAE"),
        (
            "Import path VEA does not implement Callable[[Any], Any]",
            "model: there is no class 'VEA'; did you mean VAE?",
        ),
        (
            "Problem with given class_path 'lr_lightning.models.BetaVAE':\n        Option 'zzz' is not accepted",
            "model: BetaVAE has no argument 'zzz'; there are assays, beta, channels_last, compile_network, kl, "
            "likelihood, lr_scheduler, network, optimizer, updates_per_batch",
        ),
    ],
)
def test_nested_reports_shrink_to_their_point(error: str, message: str) -> None:
    assert plain_message(ValueError(NESTED.format(error=error)), known_classes=["VAE", "BetaVAE"]) == message


def test_other_errors_keep_their_words() -> None:
    assert plain_message(ValueError("val_size must be below 5, got 9")) == "val_size must be below 5, got 9"
    assert plain_message(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--network=MPL", "network: there is no class 'MPL'; did you mean MLP?"),
        ("--network.widht=3", "network: MLP has no argument 'widht'; did you mean widths?"),
        ("--netwrk=MLP", "there is no option '--netwrk'; did you mean --network?"),
        ("--zzz=MLP", "there is no option '--zzz'; there are --batch_size, --network"),
        ("--batch_size=x", "batch_size: Expected a <class 'int'>. Got value: x"),
        ("--network=torch.nn.Linear", "network: Import path .* not correspond to a subclass of AutoencoderNetwork"),
    ],
)
@pytest.mark.parametrize("optional", [False, True])
def test_reports_of_the_parser_itself(argument: str, message: str, optional: bool) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--network", type=AutoencoderNetwork | None if optional else AutoencoderNetwork)
    parser.add_argument("--batch_size", type=int)
    with pytest.raises((ArgumentError, ValueError)) as raised:
        parser.parse_args(["--network=MLP", argument])
    found = plain_message(raised.value, ["--network", "--batch_size"], ["MLP", "Conv64Leeb"])
    assert re.fullmatch(re.escape(message).replace(r"\.\*", ".*"), found)


def test_what_is_said_twice_is_said_once() -> None:
    assert plain_message(ValueError("beta is negative\n- beta is negative\n- kl is unknown")) == (
        "beta is negative kl is unknown"
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("trainer.max_step", 10, "there is no key 'trainer.max_step'; did you mean trainer.max_steps?"),
        ("wandb.tag", ["a"], "there is no key 'wandb.tag'; did you mean wandb.tags?"),
        ("assay", {"x": "LatentStatisticsAssay"}, "there is no key 'assay.x'; did you mean assays"),
        (
            "model.init_args.network.class_path",
            "lr_lightning.networks.MPL",
            "model.network: there is no class 'lr_lightning.networks.MPL'; did you mean lr_lightning.networks.MLP?",
        ),
        (
            "model.init_args.optimizer.init_args.lr",
            "abc",
            "model.optimizer.lr: Expected a <class 'float'>. Got value: abc",
        ),
        ("model.init_args.optimizer.init_args.lrr", 1, "model.optimizer: Adam has no argument 'lrr'; did you mean lr?"),
        ("trainer.callbacks", ["EarlyStoppin"], "there is no class 'EarlyStoppin'; did you mean EarlyStopping?"),
    ],
)
def test_mistakes_in_a_config(key: str, value: Any, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = yaml.safe_load((CONFIG_FOLDER / "helix.yaml").read_text())
    *path, last = key.split(".")
    inner = config
    for name in path:
        inner = inner.setdefault(name, {})
    inner[last] = value
    Path("config.yaml").write_text(yaml.safe_dump(config))
    assert run("fit", "--config=config.yaml") == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
    assert len(line) < 200


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--wandb.tag=[a]", "there is no option '--wandb.tag'; did you mean --wandb.tags?"),
        ("--model.optimizer.lr=abc", "model.optimizer.lr: Expected a <class 'float'>. Got value: abc"),
        ("--model.optimizer=torch.optim.Adm", "there is no class 'torch.optim.Adm'; did you mean torch.optim.Adam?"),
        ("--seeds=abc", "seeds: Expected a <class 'int'> or <class 'list'>. Got value: abc"),
        ("--wandb.mode=x", "wandb.mode: Expected one of 'auto', 'online', 'offline', 'disabled'. Got value: x"),
    ],
)
def test_mistakes_in_an_option(argument: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", f"--config={CONFIG_FOLDER / 'helix.yaml'}", argument) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
    assert len(line) < 200


def test_many_names_are_not_listed() -> None:
    report = ValueError("Expected a dot import path string: Zzz")
    assert "VAE12" not in plain_message(report, known_classes=[f"VAE{number}" for number in range(30)])
