"""Errors of the parser, reduced to one line."""

import re
from argparse import ArgumentError
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from jsonargparse import ArgumentParser
from jsonargparse.typing import NonNegativeInt, PositiveInt

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
            r"model: BetaVAE .*'bet'.* beta\?",
        ),
        (
            # an earlier name of an argument
            "Problem with given class_path 'lr_lightning.callbacks.ConditionedResponseAssay':\n"
            "    Option 'samples' is not accepted",
            r"model: ConditionedResponseAssay .*'samples'.* num_samples\?",
        ),
        (
            "module 'lr_lightning.models' has no attribute 'schedules'",
            r"model: .*'lr_lightning\.models\.schedules'.* lr_lightning\.training\.schedules\?",
        ),
        (
            # an argument of a base class, reached through **kwargs
            "Problem with given class_path 'lr_lightning.models.BetaVAE':\n        Option 'kll' is not accepted",
            r"model: BetaVAE .*'kll'.* kl\?",
        ),
        (
            # an argument of the base class that the class itself does not accept
            "Problem with given class_path 'lr_lightning.callbacks.LatentStatisticsAssay':\n"
            "    Option 'seed' is not accepted",
            "model: LatentStatisticsAssay .*'seed'.* active_threshold, every_n_validations",
        ),
        (
            "Problem with given class_path 'lr_lightning.data.Shapes3D':\n"
            "        the following arguments are required: path",
            "model: Shapes3D .*: path",
        ),
        ("Expected a dot import path string: BetVAE", r"model: .*'BetVAE'.* BetaVAE\?"),
        ("Expected a dot import path string: VAE", "model: .*'VAE'.* type .*"),  # known, but not a model
        ("Expected a dot import path string: Zzz", "model: .*'Zzz'.* BetaVAE, VAE"),
        ("Import path VEA does not implement Callable[[Any], Any]", r"model: .*'VEA'.* VAE\?"),
        (
            "Problem with given class_path 'lr_lightning.models.BetaVAE':\n        Option 'zzz' is not accepted",
            "model: BetaVAE .*'zzz'.* assays, beta, channels_last, compile_network, kl, likelihood, lr_scheduler, "
            "network, optimizer, updates_per_batch",
        ),
    ],
)
def test_nested_reports_become_one_line(error: str, message: str) -> None:
    report = ValueError(NESTED.format(error=error))
    assert re.fullmatch(message, plain_message(report, known_classes=["VAE", "BetaVAE"]))


def test_other_errors_keep_their_text() -> None:
    assert plain_message(ValueError("val_size must be below 5, got 9")) == "val_size must be below 5, got 9"
    assert plain_message(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--network=MPL", r"network: .*'MPL'.* MLP\?"),
        ("--network.widht=3", r"network: MLP .*'widht'.* widths\?"),
        ("--netwrk=MLP", r".*'--netwrk'.* --network\?"),
        ("--zzz=MLP", ".*'--zzz'.* --batch_size, --network"),
        ("--batch_size=x", "batch_size: .*int.* x"),
        ("--network=torch.nn.Linear", "network: .* AutoencoderNetwork.*"),
    ],
)
@pytest.mark.parametrize("optional", [False, True])
def test_reports_of_the_parser(argument: str, message: str, optional: bool) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--network", type=AutoencoderNetwork | None if optional else AutoencoderNetwork)
    parser.add_argument("--batch_size", type=int)
    with pytest.raises((ArgumentError, ValueError)) as raised:
        parser.parse_args(["--network=MLP", argument])
    assert re.fullmatch(message, plain_message(raised.value, ["--network", "--batch_size"], ["MLP", "Conv64Leeb"]))


def test_a_repeated_cause_appears_once() -> None:
    assert plain_message(ValueError("beta is negative\n- beta is negative\n- kl is unknown")) == (
        "beta is negative kl is unknown"
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("trainer.max_step", 10, r"'trainer.max_step'.* trainer.max_steps\?"),
        ("wandb.tag", ["a"], r"'wandb.tag'.* wandb.tags\?"),
        ("assay", {"x": "LatentStatisticsAssay"}, r"'assay.x'.* assays\b"),
        (
            "model.init_args.network.class_path",
            "lr_lightning.networks.MPL",
            r"model.network: .*'lr_lightning.networks.MPL'.* lr_lightning.networks.MLP\?",
        ),
        (
            "model.init_args.optimizer.init_args.lr",
            "abc",
            "model.optimizer.lr: .*float.* abc",
        ),
        ("model.init_args.optimizer.init_args.lrr", 1, r"model.optimizer: Adam .*'lrr'.* lr\?"),
        ("trainer.callbacks", ["EarlyStoppin"], r"'EarlyStoppin'.* EarlyStopping\?"),
        (
            "assays.mine",
            {"class_path": "DynamicsAssay", "init_args": {"seed": "x"}},
            r" assays\.mine\.seed: .* x$",
        ),
        ("assays.mine", {"class_path": "ResponseMatrixAssay", "init_args": {"sed": 1}}, r" assays\.mine: .*'sed'"),
        ("assays.mine", "ResponseMatricAssay", r" assays\.mine: .*'ResponseMatricAssay'"),
        ("assays.mine", {"init_args": {"seed": 1}}, r" assays\.mine: .* class_path"),  # a key that no config has
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
    assert re.search(message, line)
    assert len(line) < 200


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--wandb.tag=[a]", r"'--wandb.tag'.* --wandb.tags\?"),
        ("--model.optimizer.lr=abc", "model.optimizer.lr: .*float.* abc"),
        ("--model.optimizer=torch.optim.Adm", r"'torch.optim.Adm'.* torch.optim.Adam\?"),
        ("--seeds=abc", "seeds: .*int.*list.* abc"),
        ("--wandb.mode=x", "wandb.mode: .*'auto', 'online', 'offline', 'disabled'.* x"),
        ("--assays.mine.seed=1", r" assays\.mine: .* class_path"),
        (
            "--assays={a: {class_path: DisentanglementAssay, init_args: {metrics: mig}}}",
            r" assays\.a\.metrics: .* '\[mig\]'",
        ),
    ],
)
def test_mistakes_in_an_option(argument: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", f"--config={CONFIG_FOLDER / 'helix.yaml'}", argument) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert len(line) < 200


@pytest.mark.parametrize(
    "option", ["--model", "--model.network", "--model.optimizer", "--data.dataset", "--assays.mine", "--data"]
)
def test_a_class_in_the_working_folder(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("module_of_mine.py").touch()
    assert run("fit", f"--config={CONFIG_FOLDER / 'helix.yaml'}", option, "module_of_mine.Thing") == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "No module named 'module_of_mine'; it is in the working folder" in line
    assert line.endswith("PYTHONPATH=.")


def test_many_names_are_not_listed() -> None:
    report = ValueError("Expected a dot import path string: Zzz")
    assert "VAE12" not in plain_message(report, known_classes=[f"VAE{number}" for number in range(30)])


@pytest.mark.parametrize(
    ("kind", "given", "bound"),
    [(PositiveInt, "0", "above 0"), (PositiveInt, "1.5", "above 0"), (NonNegativeInt, "-3", "at least 0")],
)
def test_numbers_with_a_bound_beside_a_word(kind: Any, given: str, bound: str) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--threads", type=Literal["auto"] | kind)
    with pytest.raises(ArgumentError) as error:
        parser.parse_args([f"--threads={given}"])
    message = plain_message(error.value)
    assert message.startswith("threads: expected 'auto' or a whole number")
    assert bound in message
    assert message.endswith(f"got {given}")
    assert "\n" not in message


@pytest.mark.parametrize("given", ["-1", "x", "1.5"])
def test_a_number_with_a_bound_keeps_the_given_value(given: str) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--sample_seed", type=NonNegativeInt)
    with pytest.raises(ArgumentError) as error:
        parser.parse_args([f"--sample_seed={given}"])
    message = plain_message(error.value)
    assert message.startswith("sample_seed: expected a whole number")
    assert message.endswith(f"got {given}")
