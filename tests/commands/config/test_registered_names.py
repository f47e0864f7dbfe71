"""Classes of installed packages can be named by their entry points."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lr_lightning.commands.config import registered_names
from lr_lightning.commands.config.known_names import known_classes
from lr_lightning.commands.config.registered_names import (
    import_registered,
    with_class_paths,
    words_with_class_paths,
)
from lr_lightning.models import MODELS, BetaVAE
from lr_lightning.networks import MLP, NETWORKS
from tests.commands.fit.test_training import run


class ForeignVAE(BetaVAE):
    """A model of another package."""


class ForeignMLP(MLP):
    """A network of another package."""


HELIX = "lr_lightning.data.DoubleHelix"
DYNAMICS = "lr_lightning.callbacks.DynamicsAssay"
MODEL, NETWORK = (f"{__name__}.{cls.__name__}" for cls in (ForeignVAE, ForeignMLP))


def entry_point(name: str, cls: str) -> dict[str, EntryPoint]:
    return {name: EntryPoint(name, f"{__name__}:{cls}", "any")}


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODELS, "plugins", entry_point("foreign", "ForeignVAE") | entry_point("broken", "Nothing"))
    monkeypatch.setattr(NETWORKS, "plugins", entry_point("foreign", "ForeignMLP"))


def test_names_mean_what_their_place_asks_for() -> None:
    config = {
        "model": {"class_path": "foreign", "init_args": {"network": "foreign", "beta": 2.0}},
        "wandb": {"name": "foreign"},
        "data": None,
    }
    assert with_class_paths(config) == {
        "model": {"class_path": MODEL, "init_args": {"network": NETWORK, "beta": 2.0}},
        "wandb": {"name": "foreign"},
        "data": None,
    }


@pytest.mark.parametrize("name", ["foreign", "ForeignVAE"])
def test_a_model_is_found_by_its_entry_point_and_by_its_class(name: str) -> None:
    assert with_class_paths({"model": name}) == {"model": MODEL}


@pytest.mark.parametrize("name", ["BetaVAE", "lr_lightning.models.BetaVAE", "package.Model", "missing"])
def test_other_names_are_left_to_the_parser(name: str) -> None:
    assert with_class_paths({"model": name}) == {"model": name}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fit", "--model", "foreign"], ["fit", "--model", MODEL]),
        (["fit", "--model=foreign", "foreign"], ["fit", f"--model={MODEL}", "foreign"]),
        (["fit", "--model.network", "foreign"], ["fit", "--model.network", NETWORK]),
        (["fit", "--model={class_path: foreign}"], ["fit", f'--model={{"class_path": "{MODEL}"}}']),
        (["fit", "--model={class_path: BetaVAE}"], ["fit", "--model={class_path: BetaVAE}"]),
        (["fit", "--wandb.name", "foreign"], ["fit", "--wandb.name", "foreign"]),
        (["fit", "--assays.mine", "dynamics"], ["fit", "--assays.mine", DYNAMICS]),
        (["fit", "--data.dataset", "double_helix"], ["fit", "--data.dataset", HELIX]),
        (["fit", "--assays.mine.class_path=dynamics"], ["fit", f"--assays.mine.class_path={DYNAMICS}"]),
    ],
)
def test_options(words: list[str], expected: list[str]) -> None:
    assert words_with_class_paths(words) == expected


def test_a_class_that_cannot_be_imported_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"model 'broken'.*Nothing"):
        with_class_paths({"model": "broken"})
    import_registered()
    assert "'broken'" in capsys.readouterr().err


def test_misspelt_names_are_compared_with_registered_ones() -> None:
    assert {"foreign", "ForeignVAE", "ForeignMLP"} <= set(known_classes())


def test_a_run_of_foreign_classes_is_trained_and_tested(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.yaml").write_text(
        "model: {class_path: foreign, init_args: {network: {class_path: foreign, init_args: {latent_dim: 2}}}}"
    )
    words = ["--model.network.observation_shape=[3]", "--model.likelihood=Gaussian", "--data=FactorDataModule"]
    words += [
        "--data.dataset=DoubleHelix",
        "--data.dataset.num_samples=64",
        "--data.val_size=32",
        "--data.batch_size=16",
    ]
    words += ["--trainer.max_epochs=1", "--trainer.default_root_dir=runs/x", "--trainer.enable_progress_bar=false"]
    assert run("fit", "--config=config.yaml", *words) == 0
    assert f"class_path: {MODEL}" in Path("runs/x/config.yaml").read_text()
    assert run("test", "runs/x", "--assays.disentanglement=null", "--trainer.enable_progress_bar=false") == 0


def test_the_kinds_of_classes_are_those_of_the_groups() -> None:
    groups = {registry.group for registry in registered_names.REGISTRIES.values()}
    assert {"lr_lightning.models", "lr_lightning.networks", "lr_lightning.likelihoods"} <= groups
