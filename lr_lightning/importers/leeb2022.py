"""The VAE that was released with the latent-response paper."""

from pathlib import Path

import torch
from typing_extensions import override

from lr_lightning.importers.foreign_weights import read_weights, size_of, with_names_of
from lr_lightning.importers.importer import ImportedModel, Importer
from lr_lightning.networks import Conv64Leeb

_NOTE = (
    "The file contains weights only: the config has the beta of the released model and, as in the paper, 100,000 steps "
    "of batch 128."
)
_LAYERS = (
    *(f"encoder.{block}.{layer}" for block in range(5) for layer in ("conv", "norm")),
    *(f"encoder.5.{place}" for place in (1, 3, 5)),
    *(f"decoder.0.{place}" for place in (0, 2, 4)),
    *(f"decoder.{block}.{layer}" for block in range(1, 5) for layer in ("conv", "norm")),
    "decoder.5.conv",
)
_STEPS = 100_000


class Leeb2022Importer(Importer):
    """Reads the released VAE on 3DShapes, ``model_a.pt``: a state dict of the paper's network, and nothing else.

    The same network with another number of latents or channels is read as well. Its data are rendered 3DShapes.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.
    """

    summary = "the VAE on 3DShapes of the latent-response paper: FILE is its model_a.pt"
    url = "https://github.com/felixludos/latent-responses"
    license = "MIT"

    @override
    def read(self, path: Path) -> ImportedModel:
        weights = read_weights(path)
        latent_dim = size_of(weights, "decoder.0.0.weight", 1, 2, path)
        channels = size_of(weights, "encoder.0.conv.weight", 1, 4, path)
        with torch.device("meta"):  # shapes only, without random numbers
            network = Conv64Leeb(latent_dim, channels)
        renamed = with_names_of(network, weights, _LAYERS, path)
        return ImportedModel(
            config={
                "include": "shapes3d_betavae",
                "model": {
                    "class_path": "BetaVAE",
                    "init_args": {
                        "beta": 4.0,
                        "kl": "leeb2022",
                        "network": {
                            "class_path": "Conv64Leeb",
                            "init_args": {"latent_dim": latent_dim, "channels": channels},
                        },
                    },
                },
                "trainer": {"max_steps": _STEPS, "precision": "32-true"},
            },
            weights={f"network.{name}": value for name, value in renamed.items()},
            step=_STEPS,
            weights_file=path,
            notes=(_NOTE,),
        )
