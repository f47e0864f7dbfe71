"""Time ``lr-lightning``'s training against a bare PyTorch loop on the same network, precision and batches.

The bare loop reads from a tensor of images in memory; the Trainer runs as the command line sets it up, with rendered
images, CSV logging and a progress bar, and no assays. Rounds of both are interleaved; prints medians and their ratio.

    python benchmarks/training.py --steps 100 --rounds 5
"""

import argparse
import contextlib
import io
import tempfile
import time
from statistics import median
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer

from lr_lightning.callbacks import RunProgressBar
from lr_lightning.commands.memory import keep_freed_memory
from lr_lightning.commands.precision import default_precision
from lr_lightning.data import FactorDataModule, RenderedShapes3D
from lr_lightning.loggers import RunCSVLogger
from lr_lightning.models import BetaVAE
from lr_lightning.networks import Conv64Burgess


class Clock(Callback):
    """Notes when training steps begin and end, warm-up left out.

    Args:
        warm_up: Steps not counted.
    """

    def __init__(self, warm_up: int) -> None:
        self.warm_up = warm_up
        self.start = 0.0
        self.seconds = 0.0

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """Start the clock after the warm-up."""
        if trainer.global_step == self.warm_up:
            self.start = time.perf_counter()

    def on_train_end(self, *_: Any) -> None:
        """Stop the clock."""
        self.seconds = time.perf_counter() - self.start


def make_model() -> BetaVAE:
    """Return the quickstart's model."""
    return BetaVAE(Conv64Burgess(10, 3), optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3))


def bare_loop(images: torch.Tensor, precision: str, steps: int, warm_up: int, batch_size: int) -> float:
    """Return steps per second of a plain loop on resident uint8 ``images``."""
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    autocast: Any = torch.autocast("cpu", torch.bfloat16) if precision == "bf16-mixed" else contextlib.nullcontext()
    start = 0.0
    for step in range(warm_up + steps):
        if step == warm_up:
            start = time.perf_counter()
        batch = images[torch.randint(len(images), (batch_size,), generator=generator)].float().div_(255)
        with autocast:
            loss = model.objective(batch, generator).loss
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return steps / (time.perf_counter() - start)


def trainer_loop(dataset: RenderedShapes3D, precision: Any, steps: int, warm_up: int, batch_size: int) -> float:
    """Return steps per second of the Trainer as the command line sets it up, without assays."""
    clock = Clock(warm_up)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        trainer = Trainer(
            default_root_dir=folder,
            max_steps=warm_up + steps,
            precision=precision,
            accelerator="cpu",
            logger=RunCSVLogger(folder),
            callbacks=[clock, RunProgressBar()],
            enable_checkpointing=False,
            enable_model_summary=False,
            limit_val_batches=0,
        )
        trainer.fit(make_model(), datamodule=FactorDataModule(dataset, batch_size=batch_size))
    return steps / clock.seconds


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--precision", default=default_precision("cpu"), choices=["32-true", "bf16-mixed"])
    parser.add_argument("--plain-malloc", action="store_true", help="leave the C library's memory thresholds alone")
    options = parser.parse_args()
    if not options.plain_malloc:
        keep_freed_memory()  # as the command line does
    dataset = RenderedShapes3D()
    indices = torch.randint(len(dataset), (4096,), generator=torch.Generator().manual_seed(0))
    images = dataset.images(indices)
    sizes = (options.steps, options.warm_up, options.batch_size)
    rates: dict[str, list[float]] = {"bare loop": [], "Trainer": []}
    for _ in range(options.rounds):
        rates["bare loop"].append(bare_loop(images, options.precision, *sizes))
        rates["Trainer"].append(trainer_loop(dataset, options.precision, *sizes))
    for name, values in rates.items():
        print(f"{name:10} median {median(values):6.2f} steps/s of {[round(value, 2) for value in values]}")
    ratio = median(rates["Trainer"]) / median(rates["bare loop"])
    print(f"ratio {ratio:.3f}, {options.precision}, batch {options.batch_size}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
