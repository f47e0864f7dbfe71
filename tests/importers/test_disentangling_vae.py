"""Models of disentangling-vae."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lr_lightning.importers import DisentanglingVAEImporter
from lr_lightning.networks import Conv64Burgess
from tests.importers.foreign_files import (
    disentangling_vae_decoding,
    disentangling_vae_encoding,
    disentangling_vae_shapes,
    random_weights,
    write_disentangling_vae,
)

IMAGES = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(1))
CODES = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
@pytest.mark.parametrize("name", [".", "model.pt"])
def test_the_network_computes_what_the_weights_mean_in_their_own_project(name: str) -> None:
    weights = random_weights(disentangling_vae_shapes())
    read = DisentanglingVAEImporter().read(write_disentangling_vae(Path("model"), weights) / name).weights
    own = Conv64Burgess(3, 1)
    own.load_state_dict({name.removeprefix("network."): value for name, value in read.items()})
    means, log_variances = own.eval().posterior_parameters(IMAGES)
    expected = disentangling_vae_encoding(weights, IMAGES)
    # float32 in another order of summation
    torch.testing.assert_close(means, expected[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(log_variances, expected[1], rtol=1e-4, atol=1e-4)
    decoded = disentangling_vae_decoding(weights, CODES)
    torch.testing.assert_close(own.decode(CODES).sigmoid(), decoded, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("loss", "model", "arguments"),
    [
        ("VAE", "VAE", {}),
        ("betaH", "BetaVAE", {"beta": 4}),
        ("betaB", "AnnealedVAE", {"c_max": 25, "gamma": 100, "threshold": 10000}),
        ("btcvae", "BetaTCVAE", {"alpha": 1, "beta": 6.4, "gamma": 1, "dataset_size": 737_280}),
        ("factor", "VAE", {}),
    ],
)
def test_objectives(loss: str, model: str, arguments: dict[str, Any]) -> None:
    found = DisentanglingVAEImporter().read(write_disentangling_vae(Path("model"), loss=loss))
    given = dict(found.config["model"]["init_args"])
    assert found.config["model"]["class_path"] == model
    assert given.pop("network") == {"class_path": "Conv64Burgess", "init_args": {"latent_dim": 3, "channels": 1}}
    assert given.pop("optimizer")["init_args"] == {"lr": 5e-4}
    assert given == arguments
    assert ["discriminator" in note for note in found.notes] == [True] * (loss == "factor")


def test_training_is_described_by_the_specifications() -> None:
    found = DisentanglingVAEImporter().read(write_disentangling_vae(Path("model"), batch_size=1000, epochs=3, seed=7))
    assert found.step == found.config["trainer"]["max_steps"] == 3 * 738  # the last batch of an epoch is smaller
    assert found.config["seed_everything"] == 7
    assert found.config["data"]["init_args"] == {"batch_size": 1000}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"loss": "wae"}, r"loss .*betaH.*'wae'"),
        ({"dataset": "celeba"}, r"dataset .*dsprites.*'celeba'"),
        ({"rec_dist": "laplace"}, r"rec_dist .*'laplace'"),
        ({"model_type": None}, r"model_type .*Burgess.*None"),
        ({"batch_size": 0}, r"batch_size .*0"),
        ({"batch_size": 1.5}, r"batch_size .*1\.5"),
        ({"epochs": True}, r"epochs .*True"),
        ({"betaH_B": "4"}, r"betaH_B .*'4'"),
        ({"lr": float("nan")}, r"lr .*nan"),
    ],
)
def test_wrong_specifications(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=rf"specs\.json: {match}"):
        DisentanglingVAEImporter().read(write_disentangling_vae(Path("model"), **changes))


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000])
def test_damaged_specifications(text: str) -> None:
    folder = write_disentangling_vae(Path("model"))
    (folder / "specs.json").write_text(text)
    with pytest.raises(ValueError, match=r"specs\.json"):
        DisentanglingVAEImporter().read(folder)


@pytest.mark.parametrize("name", ["specs.json", "model.pt"])
def test_missing_files(name: str) -> None:
    folder = write_disentangling_vae(Path("model"))
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        DisentanglingVAEImporter().read(folder)


def test_a_model_for_smaller_images() -> None:
    weights = random_weights(disentangling_vae_shapes())
    smaller = {name: value for name, value in weights.items() if "_64" not in name}
    with pytest.raises(ValueError, match=r"model\.pt .*conv_64\.weight is missing"):
        DisentanglingVAEImporter().read(write_disentangling_vae(Path("model"), smaller))


@pytest.mark.parametrize("kind", ["weight", "bias"])
def test_a_wrong_last_layer(kind: str) -> None:
    weights = random_weights(disentangling_vae_shapes())
    name = f"encoder.mu_logvar_gen.{kind}"
    with pytest.raises(ValueError, match=r"model\.pt .*mu_logvar_gen"):
        DisentanglingVAEImporter().read(write_disentangling_vae(Path("model"), weights | {name: weights[name][:-1]}))


def test_specifications_of_another_type_of_numbers() -> None:
    folder = write_disentangling_vae(Path("model"), betaH_B=2.5)
    assert json.loads((folder / "specs.json").read_text())["betaH_B"] == 2.5
    assert DisentanglingVAEImporter().read(folder).config["model"]["init_args"]["beta"] == 2.5
