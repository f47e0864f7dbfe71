"""pythae's BetaVAE with its default pipeline and trainer, and the network of the other contestants.

Its own data set would hold all images as float32, 12 GB for dSprites, and twice that during construction. This one
returns them one by one, as its documentation recommends for large data. Runs in the environment created by
``setup_peers.py``; started by ``training.py``.
"""

import argparse
from typing import Any

import torch
from plain_vae import as_float, burgess_layers, open_images
from pythae.data.datasets import DatasetOutput
from pythae.models import BetaVAE, BetaVAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.pipelines import TrainingPipeline
from pythae.trainers import BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor
from torch.utils.data import Dataset
from turns import Turns


class TurnsCallback(TrainingCallback):  # type: ignore[misc]
    """Reports the steps of a trainer."""

    def __init__(self) -> None:
        self._turns = Turns()

    def on_train_step_end(self, training_config: Any, **_: Any) -> None:
        """Report a step."""
        self._turns.step()


class Encoder(BaseEncoder):  # type: ignore[misc]
    """The network's encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.model = burgess_layers()[0]

    def forward(self, x: Tensor) -> Any:
        """Return means and log-variances."""
        means, log_variances = self.model(x).chunk(2, dim=1)
        return ModelOutput(embedding=means, log_covariance=log_variances)


class Decoder(BaseDecoder):  # type: ignore[misc]
    """The network's decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.model = burgess_layers()[1]

    def forward(self, z: Tensor) -> Any:
        """Return images in [0, 1]."""
        return ModelOutput(reconstruction=self.model(z).sigmoid())


class Items(Dataset[Any]):
    """One image at a time."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return DatasetOutput(data=as_float(self.images[index]), labels=torch.ones(1))


def main() -> None:
    """Train until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="file of uint8 pixels")
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    config = BetaVAEConfig(input_dim=(1, 64, 64), latent_dim=10, beta=4.0, reconstruction_loss="bce")
    pipeline = TrainingPipeline(
        model=BetaVAE(config, Encoder(), Decoder()),
        training_config=BaseTrainerConfig(output_dir="pythae", per_device_train_batch_size=options.batch_size),
    )
    pipeline(train_data=Items(open_images(options.images)), callbacks=[TurnsCallback()])


if __name__ == "__main__":
    main()
