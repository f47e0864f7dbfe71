"""A plain LightningModule with a default Trainer, or with a barebones one.

Started by ``training.py`` and ``step_overhead.py``.
"""

import argparse
import logging
from collections.abc import Iterator

import torch
from plain_vae import Items, PlainVAE, as_float, make_task
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from turns import CountSteps


class TurnsCallback(CountSteps, Callback):
    """Reports the steps of a Trainer."""


class PlainModule(LightningModule):
    """A minimal LightningModule."""

    def __init__(self, model: PlainVAE, learning_rate: float, log: bool) -> None:
        super().__init__()
        self.model, self.learning_rate, self.logs = model, learning_rate, log

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the loss, and log it."""
        loss: Tensor = self.model(batch)
        if self.logs:
            self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


class Batches(IterableDataset[Tensor]):
    """Whole batches, each gathered by one indexing operation: the cheapest possible data loading."""

    def __init__(self, observations: Tensor, batch_size: int) -> None:
        self.observations, self.batch_size = observations, batch_size

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            yield as_float(self.observations[torch.randint(len(self.observations), (self.batch_size,))])


def main() -> None:
    """Train until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=["dsprites", "helix"], default="dsprites")
    parser.add_argument("--images", help="file of uint8 pixels")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--num-workers", type=int, default=0)
    parser.add_argument("--barebones", action="store_true", help="no logs, bar or checkpoints; whole batches")
    options = parser.parse_args()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    turns = TurnsCallback()
    model, observations, learning_rate = make_task(options.task, options.images)
    loader: DataLoader[Tensor]
    if options.barebones:
        loader = DataLoader(Batches(observations, options.batch_size), batch_size=None)
    else:
        workers = {"num_workers": options.num_workers, "persistent_workers": options.num_workers > 0}
        # epochs end with a checkpoint, which must not count as step time; epochs of the helix would have eight steps
        repeats = 1000 if options.task == "helix" else 1
        loader = DataLoader(Items(observations, repeats), options.batch_size, shuffle=True, drop_last=True, **workers)
    trainer = Trainer(accelerator="cpu", max_steps=-1, max_epochs=-1, barebones=options.barebones)
    if options.barebones:
        trainer.callbacks.append(turns)  # type: ignore[attr-defined]  # not accepted as an argument
    else:
        trainer.callbacks.insert(0, turns)  # type: ignore[attr-defined]
    trainer.fit(PlainModule(model, learning_rate, log=not options.barebones), loader)


if __name__ == "__main__":
    main()
