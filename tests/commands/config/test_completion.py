"""A config has the same meaning wherever it is read again."""

import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from jsonargparse import ArgumentParser, Namespace
from pytorch_lightning.cli import OptimizerCallable

from lr_lightning.callbacks import AssayCallback
from lr_lightning.cli import main
from lr_lightning.commands.config.completion import check_serializable, complete_config
from lr_lightning.data import CustomDataset, FactorDataModule, FactorDataset, SampleGroups
from lr_lightning.losses import Likelihood
from lr_lightning.models import AutoencoderModule, BetaVAE
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.schedules import Schedule

QUIET = [
    "--trainer.max_steps=1",
    "--trainer.accelerator=cpu",
    "--trainer.precision=32-true",
    "--trainer.logger=false",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
    "--trainer.default_root_dir=run",
]
HELIX = ["--data=FactorDataModule", "--data.dataset=DoubleHelix", "--data.dataset.num_samples=96", "--data.val_size=8"]


class OddVAE(BetaVAE):
    """A model whose default optimizer is one that jsonargparse cannot write down."""

    def __init__(
        self,
        network: AutoencoderNetwork,
        encoder_optimizer: OptimizerCallable = lambda parameters: torch.optim.Adam(parameters, betas=(0.5, 0.9)),
        **kwargs: Any,
    ) -> None:
        super().__init__(network, **kwargs)


class Collage(CustomDataset):
    """A data set with further paths, which it does not read."""

    def __init__(
        self, path: str | Path, masks: Sequence[Path] = (), folder: Path | None = None, title: str = "", **kwargs: Any
    ) -> None:
        super().__init__(path, **kwargs)


def run(*arguments: str) -> int:
    """Return the exit code of the command line on ``arguments``."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def entry(class_path: str, **arguments: Any) -> Namespace:
    """Return a class with its arguments as a parser returns it."""
    return Namespace(class_path=class_path, init_args=Namespace(**arguments))  # type: ignore[no-untyped-call]


def test_a_default_that_cannot_be_written_down_is_refused_before_training(capsys: pytest.CaptureFixture[str]) -> None:
    model = [f"--model={OddVAE.__module__}.OddVAE", "--model.network=MLP", "--model.likelihood=Gaussian"]
    assert run("fit", *model, *HELIX, *QUIET) == 2
    assert "model.init_args.encoder_optimizer" in capsys.readouterr().err
    assert not Path("run/config.yaml").exists()
    chosen = ["--model.encoder_optimizer=torch.optim.SGD", "--model.encoder_optimizer.lr=0.1"]
    assert run("fit", *model, *chosen, *HELIX, *QUIET) == 0


def test_every_default_can_be_written_down() -> None:
    """Of every model, network, likelihood, data set, schedule and assay that a config can name."""
    bases: list[type] = [AutoencoderModule, AutoencoderNetwork, Likelihood, Schedule]
    bases += [FactorDataset, SampleGroups, FactorDataModule, AssayCallback]
    found = 0
    while bases:
        kind = bases.pop()
        bases += kind.__subclasses__()
        if inspect.isabstract(kind) or not kind.__module__.startswith("lr_lightning."):
            continue
        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(kind, fail_untyped=False)
        check_serializable(yaml.safe_load(parser.dump(parser.get_defaults(), skip_none=False, skip_validation=True)))
        found += 1
    assert found > 60


@pytest.mark.parametrize(
    ("model", "given", "settled"),
    [("Autoencoder", None, False), ("BetaVAE", None, True), ("BetaVAE", False, False), ("Autoencoder", True, True)],
)
def test_the_model_decides_what_the_config_leaves_open(model: str, given: bool | None, settled: bool) -> None:
    network = entry("lr_lightning.networks.MLP", latent_dim=2, variational=given)
    config = Namespace(model=entry(f"lr_lightning.models.{model}", network=network))  # type: ignore[no-untyped-call]
    complete_config(config)
    assert network.init_args.variational is settled


@pytest.mark.parametrize(
    ("likelihood", "given", "settled"),
    [
        (None, None, 1),
        (entry("lr_lightning.losses.Gaussian", learn_std=True), None, 1),
        (entry("lr_lightning.losses.DiscretizedLogisticMixture"), None, 30),
        (entry("lr_lightning.losses.DiscretizedLogisticMixture", num_components=4), None, 12),
        (entry("lr_lightning.losses.DiscretizedLogisticMixture", num_components=4), 5, 5),
    ],
)
def test_the_likelihood_decides_the_output_of_the_decoder(
    likelihood: Namespace | None, given: int | None, settled: int
) -> None:
    network = entry("lr_lightning.networks.MLP", latent_dim=2, parameters_per_value=given)
    model = entry("lr_lightning.models.BetaVAE", network=network, likelihood=likelihood)
    complete_config(Namespace(model=model))  # type: ignore[no-untyped-call]
    assert network.init_args.parameters_per_value == settled


def test_a_mixture_is_trained_and_evaluated_from_a_config(capsys: pytest.CaptureFixture[str]) -> None:
    sprites = ["--data=FactorDataModule", "--data.dataset=RenderedDSprites", "--data.val_size=8", "--data.test_size=8"]
    model = ["--model=BetaVAE", "--model.network=MLP", "--model.network.observation_shape=[1,64,64]"]
    mixture = ["--model.likelihood=DiscretizedLogisticMixture", "--model.likelihood.num_components=2"]
    options = ["--checkpoint.monitor=val/bits_per_dimension", "--data.batches_per_epoch=1"]
    assert run("fit", *model, *mixture, *sprites, *QUIET, *options) == 0
    saved = yaml.safe_load(Path("run/config.yaml").read_text())
    assert saved["model"]["init_args"]["network"]["init_args"]["parameters_per_value"] == 6
    assert run("test", "run", "--assays.disentanglement=null") == 0
    scalars = json.loads(Path("run/results.json").read_text())["test"]["scalars"]
    assert 0 < scalars["test/bits_per_dimension"] < 20
    wrong = ["--model.network.parameters_per_value=3", "--trainer.default_root_dir=wrong"]
    assert run("fit", *model, *mixture, *sprites, *QUIET, *wrong) != 0
    assert "parameters_per_value=6" in capsys.readouterr().err
    assert run("fit", *model, mixture[0], "--model.likelihood.num_components=0", *sprites, *QUIET) != 0
    assert "num_components must be at least 1, got 0" in capsys.readouterr().err


def test_a_network_that_does_not_suit_the_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", "--model=QLAE", "--model.network=MLP", "--model.network.variational=true", *HELIX, *QUIET) != 0
    assert "variational=False" in capsys.readouterr().err


def test_paths_at_any_depth_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    inner = entry(
        f"{Collage.__module__}.Collage",
        path="bars.yaml",
        masks=[Path("a.png"), Path("/b.png")],
        folder=Path("~/images"),
        title="bars.yaml",
        storage="cache",
    )
    wrapped = entry("lr_lightning.data.NoisyDSprites", sprites=inner, seed=1)
    config = Namespace(  # type: ignore[no-untyped-call]
        data=entry("lr_lightning.data.FactorDataModule", dataset=wrapped), model=None
    )
    complete_config(config)
    assert inner.init_args.path == str(tmp_path / "bars.yaml")
    assert inner.init_args.masks == [tmp_path / "a.png", Path("/b.png")]
    assert inner.init_args.folder == tmp_path / "home" / "images"
    assert (inner.init_args.title, inner.init_args.storage) == ("bars.yaml", "cache")


def test_a_run_is_evaluated_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "sets" / "bars.yaml"
    data.parent.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
    np.savez(data.with_suffix(".npz"), images=images)
    data.write_text("name: bars\nfactors: {a: 3, b: 4}\nimages: bars.npz\n")
    custom = ["--data=FactorDataModule", "--data.dataset=CustomDataset", "--data.dataset.path=sets/bars.yaml"]
    sizes = ["--data.val_size=4", "--data.batch_size=8", "--data.dataset.storage=memory"]
    model = ["--model=BetaVAE", "--model.network=MLP", "--model.network.observation_shape=[3,4,4]"]
    assert run("fit", *model, *custom, *sizes, *QUIET) == 0
    saved = yaml.safe_load(Path("run/config.yaml").read_text())
    assert saved["data"]["init_args"]["dataset"]["init_args"]["path"] == str(data)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("test", "../run", "--assays.disentanglement=null") == 0
