"""disent's BetaVae, trained as in its README, with the network and loss of the other contestants.

Runs in the environment created by ``setup_peers.py``; started by ``training.py``.
"""

import argparse
from typing import Any

import lightning
from disent.dataset import DisentDataset
from disent.dataset.data import ArrayGroundTruthData
from disent.dataset.sampling import SingleSampler
from disent.dataset.transform import ToImgTensorF32
from disent.frameworks.vae import BetaVae
from disent.model import AutoEncoder, DisentDecoder, DisentEncoder
from plain_vae import burgess_layers, open_images
from torch import Tensor
from torch.utils.data import DataLoader
from turns import CountSteps

SHAPE = (1, 64, 64)


class TurnsCallback(CountSteps, lightning.Callback):  # type: ignore[misc]
    """Reports the steps of a Trainer."""


class Encoder(DisentEncoder):  # type: ignore[misc]
    """The network's encoder."""

    def __init__(self) -> None:
        super().__init__(x_shape=SHAPE, z_size=10, z_multiplier=2)
        self.model = burgess_layers()[0]

    def encode(self, x: Tensor) -> Tensor:
        """Return means and log-variances."""
        parameters: Tensor = self.model(x)
        return parameters


class Decoder(DisentDecoder):  # type: ignore[misc]
    """The network's decoder."""

    def __init__(self) -> None:
        super().__init__(x_shape=SHAPE, z_size=10)
        self.model = burgess_layers()[1]

    def decode(self, z: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.model(z)
        return logits


def train(images: Tensor, batch_size: int, accelerator: str, callback: Any, max_steps: int = -1) -> None:
    """Train on ``images`` (N, 1, 64, 64) uint8."""
    array = images[:, 0, :, :, None].numpy()
    data = ArrayGroundTruthData(array, factor_names=("index",), factor_sizes=(len(array),))
    dataset = DisentDataset(dataset=data, sampler=SingleSampler(), transform=ToImgTensorF32())
    loader = DataLoader(dataset=dataset, batch_size=batch_size, shuffle=True, num_workers=0)
    config = BetaVae.cfg(
        optimizer="adam", optimizer_kwargs={"lr": 1e-4}, loss_reduction="mean_sum", beta=4, recon_loss="bce"
    )
    module = BetaVae(model=AutoEncoder(encoder=Encoder(), decoder=Decoder()), cfg=config)
    trainer = lightning.Trainer(
        max_steps=max_steps,
        max_epochs=-1,
        accelerator=accelerator,
        logger=False,
        enable_checkpointing=False,
        callbacks=[callback],
    )
    trainer.fit(module, loader)


def main() -> None:
    """Train until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="file of uint8 pixels")
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    train(open_images(options.images), options.batch_size, "cpu", TurnsCallback())


if __name__ == "__main__":
    main()
