"""Training on a GPU: ``lr-lightning fit`` beside bare eager loops, and what several seeds and assays cost.

All in one process, since one that starts would spend most of its time on starting: dSprites, the network of Burgess et
al., batch 64, data on the device. What does not fit into ``--budget`` seconds is left out and said to be. Without a GPU
it runs on the processor, to see whether it does.

    python benchmarks/gpu_training.py --json gpu.json
"""

import contextlib
import io
import logging
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from assay_share import BURGESS, CONFIG, assay_share, without_assays
from measuring import Cell, Group, Spread, Table, benchmark_parser, deliver
from plain_vae import PlainVAE, as_float, burgess_layers
from pytorch_lightning import Callback
from torch import Tensor

from lr_lightning.commands.training import RunCLI, prepare
from lr_lightning.data import RenderedDSprites

BATCH_SIZE = 64
STANDARD_STEPS = 300_000


def now() -> float:
    """Return the time at which all that was asked of the device is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class CountedTime:
    """Callback of a Trainer that times its steps after a warm-up; to be mixed with Lightning's ``Callback``.

    Args:
        warm_up: Steps that do not count.
    """

    def __init__(self, warm_up: int) -> None:
        self.warm_up, self._begin = warm_up, (0, 0.0)
        self.rate = 0.0

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """Start the clock once the warm-up is over."""
        if not self._begin[0] and trainer.global_step >= self.warm_up:
            self._begin = trainer.global_step, now()

    def on_train_end(self, trainer: Any, *_: Any) -> None:
        """Stop it."""
        steps, start = self._begin
        self.rate = (trainer.global_step - steps) / (now() - start)


class Clock(CountedTime, Callback):
    """Times a Trainer."""


def bare_loop(images: Tensor, steps: int, warm_up: int, low_precision: bool) -> float:
    """Return steps per second of an eager loop on ``images`` (N, 1, 64, 64) uint8, on their device."""
    device = images.device
    model = PlainVAE(*burgess_layers(), beta=4.0, images=True).to(device)
    if low_precision:
        model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    start = 0.0
    for step in range(warm_up + steps):
        if step == warm_up:
            start = now()
        batch = as_float(images[torch.randint(len(images), (BATCH_SIZE,), device=device)])
        with torch.autocast(device.type, torch.bfloat16, enabled=low_precision):
            loss = model(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return steps / (now() - start)


def fit(steps: int, warm_up: int, *arguments: str) -> float:
    """Return steps per second of the command line, without assays."""
    clock = Clock(warm_up)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        command = ["fit", "--config", str(CONFIG), *BURGESS, *without_assays(), f"--data.batch_size={BATCH_SIZE}"]
        command += [f"--trainer.default_root_dir={folder}/run", f"--trainer.max_steps={warm_up + steps}"]
        command += ["--data.batches_per_epoch=10000000", "--trainer.limit_val_batches=0", "--wandb.mode=disabled"]
        run = prepare([*command, *arguments], RunCLI)
        run.trainer.callbacks.insert(0, clock)  # type: ignore[attr-defined]
        run.start()
    return clock.rate


def disent(images: Tensor, steps: int, warm_up: int, accelerator: str) -> float:
    """Return steps per second of disent, whose images stay with the processor."""
    import lightning
    from contestant_disent import train

    clock = type("Clock", (CountedTime, lightning.Callback), {})(warm_up)
    train(images.cpu(), BATCH_SIZE, accelerator, clock, max_steps=warm_up + steps)
    rate: float = clock.rate
    return rate


def main() -> None:
    """Measure what the budget allows."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--budget", type=float, default=95.0, help="seconds")
    options = parser.parse_args()
    begin = time.perf_counter()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dataset = RenderedDSprites().to(device)
    indices = torch.arange(2048 if options.quick else len(dataset), device=device)
    images = torch.cat([dataset.images(part) for part in torch.split(indices, 1 << 16)])

    def size(steps: int) -> tuple[int, int]:
        """Return ``steps`` and the warm-up before them."""
        return (2, 2) if options.quick else (steps, 200)

    fifty = f"--model.updates_per_batch={2 if options.quick else 50}"
    accelerator = "gpu" if device.type == "cuda" else "cpu"
    # name: what measures the rate, seeds, turns, seconds that it may take
    ways: dict[str, tuple[Callable[[], float], int, int, float]] = {
        "bare loop, float32": (lambda: bare_loop(images, *size(1000), low_precision=False), 1, 2, 8),
        "bare loop, bfloat16, channels-last": (lambda: bare_loop(images, *size(1000), low_precision=True), 1, 2, 8),
        "lr-lightning fit": (lambda: fit(*size(1000)), 1, 2, 12),
        "lr-lightning fit, updates_per_batch 50": (lambda: fit(*size(10_000), fifty), 1, 2, 12),
        "lr-lightning fit, updates_per_batch 50, 4 seeds": (lambda: fit(*size(3000), fifty, "--seeds=4"), 4, 1, 10),
        "lr-lightning fit, updates_per_batch 50, 16 seeds": (lambda: fit(*size(1000), fifty, "--seeds=16"), 16, 1, 12),
        "disent 0.8.0": (lambda: disent(images, *size(100), accelerator), 1, 1, 12),
        "lr-lightning fit, updates_per_batch 50, compiled": (
            lambda: fit(*size(10_000), fifty, "--model.compile_network=true"),
            1,
            1,
            45,
        ),
    }
    rows: list[list[Cell]] = []
    rates: dict[str, Spread] = {}
    assays: list[Table] = []
    for name, (way, seeds, turns, needed) in ways.items():
        if name.endswith("compiled") and "lr-lightning fit, updates_per_batch 50" in rates:
            rate = rates["lr-lightning fit, updates_per_batch 50"].median
            if _left(options.budget, begin) > 25:
                assays = [assay_share(1 / rate, options.quick)[0]]
        if _left(options.budget, begin) < needed and not options.quick:
            rows.append([name, "left out: no time left", None, None, None])
            continue
        try:
            rates[name] = Spread(tuple(way() for _ in range(1 if options.quick else turns)))
        except ImportError as error:
            rows.append([name, f"left out: {error}", None, None, None])
            continue
        base = rates["bare loop, float32"].median
        median = rates[name].median
        rows.append([name, rates[name], seeds * median / base, BATCH_SIZE * seeds * median, STANDARD_STEPS / median])
    columns = ["", "steps/s", "times seeds, over the bare loop", "images/s", f"s for {STANDARD_STEPS:,} steps"]
    graphics = torch.cuda.get_device_name() if device.type == "cuda" else "no GPU"
    title = f"dSprites, batch {BATCH_SIZE}, on {graphics}"
    note = f"torch {torch.__version__}. Steps alone; the last column is {STANDARD_STEPS:,} over the rate."
    whole = whole_run(2 if options.quick else 20_000, _left(options.budget, begin), fifty)
    deliver(Group("Training on a GPU", [Table(title, columns, rows, note), *whole, *assays]), options)


def whole_run(steps: int, left: float, *arguments: str) -> list[Table]:
    """Return the wall time of a run of ``steps``, from its command line to its last checkpoint, if time is left."""
    if left < 10:
        return []
    start = now()
    fit(steps, 1, *arguments)
    rows: list[list[Cell]] = [[f"{steps:,}", now() - start]]
    return [Table("A run of lr-lightning fit as a whole, without importing", ["steps", "seconds"], rows)]


def _left(budget: float, begin: float) -> float:
    return budget - (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
