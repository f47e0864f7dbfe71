"""The models that are published with disentangling-vae."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.importers.foreign_weights import read_weights, size_of, with_names_of
from lr_lightning.importers.importer import ImportedModel, Importer
from lr_lightning.networks import Conv64Burgess

_WEIGHTS, _SPECS = "model.pt", "specs.json"
_LAYERS = (
    *(f"encoder.{name}" for name in ("conv1", "conv2", "conv3", "conv_64", "lin1", "lin2", "mu_logvar_gen")),
    *(f"decoder.{name}" for name in ("lin1", "lin2", "lin3", "convT_64", "convT1", "convT2", "convT3")),
)
_POSTERIOR = "encoder.mu_logvar_gen"
_NUM_IMAGES = 737_280
"""Images of dSprites."""

_NO_DISCRIMINATOR = (
    "The file has no weights of FactorVAE's discriminator, so the model is a VAE, whose loss lacks the total "
    "correlation."
)
_BETA_TC_WEIGHTS = {"alpha": "btcvae_A", "beta": "btcvae_B", "gamma": "btcvae_G"}
_OBJECTIVES = ("VAE", "betaH", "betaB", "btcvae", "factor")
_NUMBERS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("batch_size", "epochs", "reg_anneal", "seed"), (int,)),
    **dict.fromkeys(("lr", "betaB_finC", "betaB_G", "betaH_B", "btcvae_A", "btcvae_B", "btcvae_G"), (int, float)),
}
"""Types of the numbers in the specifications that the config needs."""


class DisentanglingVAEImporter(Importer):
    """Reads a model of dSprites in the format of disentangling-vae: a folder with ``model.pt`` and ``specs.json``.

    Its encoder returns mean and log-variance of each latent in turn; the rows of its last layer are reordered to all
    means, then all log-variances. Its data are rendered dSprites. Models of other sets are refused, because their
    images are prepared in other ways here.

    References:
        Dubois et al., Disentangling VAE, 2019, the project at ``url``.
    """

    summary = "models of dSprites of disentangling-vae: FILE is a folder with model.pt and specs.json"
    url = "https://github.com/YannDubs/disentangling-vae"
    license = "MIT"

    @override
    def read(self, path: Path) -> ImportedModel:
        weights_file = path / _WEIGHTS if path.is_dir() else path
        specs = _read_specs(weights_file.with_name(_SPECS))
        weights = read_weights(weights_file)
        latent_dim = size_of(weights, "decoder.lin1.weight", 1, 2, weights_file)
        channels = size_of(weights, "encoder.conv1.weight", 1, 4, weights_file)
        with torch.device("meta"):  # shapes only, without random numbers
            network = Conv64Burgess(latent_dim, channels)
        ordered = _with_means_first(weights, latent_dim)
        renamed = with_names_of(network, ordered, _LAYERS, weights_file)
        return ImportedModel(
            config=_config(specs, {"latent_dim": latent_dim, "channels": channels}),
            weights={f"network.{name}": value for name, value in renamed.items()},
            step=_num_steps(specs),
            weights_file=weights_file,
            notes=(_NO_DISCRIMINATOR,) if specs["loss"] == "factor" else (),
        )


def _read_specs(path: Path) -> dict[str, Any]:
    """Return the specifications of a model.

    Raises:
        FileNotFoundError: If there are none.
        ValueError: If they are damaged, lack a value, or belong to a model that cannot be imported.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; it must be in the folder of the weights")
    try:
        specs = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not readable as JSON ({error})") from error
    if not isinstance(specs, dict):
        raise ValueError(f"{path} must map names to values, got a {type(specs).__name__}")
    choices = {
        "loss": _OBJECTIVES,
        "dataset": ("dsprites",),
        "model_type": ("Burgess",),
        "rec_dist": ("bernoulli",),
    }
    for key, known in choices.items():
        if specs.get(key) not in known:
            raise ValueError(f"{path}: {key} must be one of {', '.join(known)}, got {specs.get(key)!r}")
    for key, kinds in _NUMBERS.items():
        value: Any = specs.get(key)
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not is_number or not 0 < value < math.inf:
            raise ValueError(f"{path}: {key} must be a positive number, got {value!r}")
    return specs


def _with_means_first(weights: dict[str, Tensor], latent_dim: int) -> dict[str, Tensor]:
    """Return the weights with the rows of the encoder's last layer reordered."""
    order = [*range(0, 2 * latent_dim, 2), *range(1, 2 * latent_dim, 2)]
    reordered = {
        f"{_POSTERIOR}.{kind}": weights[f"{_POSTERIOR}.{kind}"][order]
        for kind in ("weight", "bias")
        if weights.get(f"{_POSTERIOR}.{kind}", torch.empty(0)).shape[:1] == (len(order),)  # others are refused later
    }
    return weights | reordered


def _config(specs: Mapping[str, Any], network: Mapping[str, int]) -> dict[str, Any]:
    model, arguments = _model(specs)
    return {
        "include": "shared/study.yaml",
        "seed_everything": specs["seed"],
        "model": {
            "class_path": model,
            "init_args": {
                **arguments,
                "network": {"class_path": "Conv64Burgess", "init_args": dict(network)},
                "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": specs["lr"]}},
            },
        },
        "data": {"class_path": "FactorDataModule", "init_args": {"batch_size": specs["batch_size"]}},
        "trainer": {"max_steps": _num_steps(specs), "precision": "32-true"},
    }


def _num_steps(specs: Mapping[str, Any]) -> int:
    """Return the number of optimizer steps; each epoch's last batch may be smaller."""
    return int(specs["epochs"] * math.ceil(_NUM_IMAGES / specs["batch_size"]))


def _model(specs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return class and arguments of the model; weights that grew during training have their final values."""
    match specs["loss"]:
        case "betaH":
            return "BetaVAE", {"beta": specs["betaH_B"]}
        case "betaB":
            capacity = {"c_max": specs["betaB_finC"], "threshold": specs["reg_anneal"]}
            return "AnnealedVAE", {**capacity, "gamma": specs["betaB_G"]}
        case "btcvae":
            weights = {name: specs[key] for name, key in _BETA_TC_WEIGHTS.items()}
            return "BetaTCVAE", {**weights, "dataset_size": _NUM_IMAGES}
    return "VAE", {}
