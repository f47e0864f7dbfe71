"""Run by ``test_factor_vae``: trains on several processes, and saves the weights of each."""

import sys
from pathlib import Path
from typing import Any

import torch
from torch.optim import SGD

sys.path.insert(0, str(Path(__file__).parents[2]))

from lr_lightning.models import FactorVAE
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer, weights
from lr_lightning.training.noise import step_seed
from tests.conftest import Bars


class SameOnAll(FactorVAE):
    """Gives all processes the same noise and the same batches."""

    def noise_seed_of(self, batch: int) -> int:
        """Return the same seed on each process."""
        return step_seed(self.noise_seed, batch)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Return the images of the data set's beginning."""
        return batch._replace(images=Bars().images(torch.arange(8)))


def train(kind: type[FactorVAE], seed: int, devices: int, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weights of network and discriminator after three steps, the seed being that of the first ones."""
    torch.manual_seed(0)
    network = MLP(3, (3, 8, 8), widths=(16,))
    torch.manual_seed(seed)
    model = kind(
        network,
        discriminator_widths=(16,),
        optimizer=lambda parameters: SGD(parameters, lr=1e-3),
        discriminator_optimizer=lambda parameters: SGD(parameters, lr=1.0),
    )
    model.noise_seed = 0
    trainer = tiny_trainer(folder, devices=devices, max_epochs=-1, max_steps=3, limit_val_batches=0)
    trainer.fit(model, datamodule=tiny_data(Bars()))
    return weights(model.network), weights(model.discriminator)  # type: ignore[arg-type]


def main(devices: int, folder: Path) -> None:
    """Train with equal batches on all processes, and with their own, each with a discriminator of its own at first."""
    same = train(SameOnAll, 0, devices, folder)
    rank = torch.distributed.get_rank() if devices > 1 else 0
    own = train(FactorVAE, rank, devices, folder)
    torch.save({"same": same, "own": own}, folder / f"{rank}.pt")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
