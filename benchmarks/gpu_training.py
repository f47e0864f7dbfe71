"""Training on a GPU: ``lr-lightning fit`` against bare eager loops, and the cost of several seeds and of assays.

Everything runs in one process, because new processes would spend most of their time on start-up: dSprites, the network
of Burgess et al., batch size 64, data on the device. Measurements that do not fit into ``--budget`` seconds are skipped
and marked as such. Without a GPU, it runs on the CPU, to check that it works.

    python benchmarks/gpu_training.py --json gpu.json
    python benchmarks/run_all.py --gpu gpu.json    # includes the results in the page
"""

import contextlib
import io
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from assay_share import BURGESS, CONFIG, assay_share, without_assays
from measuring import Cell, Group, Spread, Table, benchmark_parser, deliver
from plain_vae import PlainVAE, as_float, burgess_layers
from pytorch_lightning import Callback
from setup_peers import DISENT
from torch import Tensor

from lr_lightning.commands.fit.training import RunCLI, prepare
from lr_lightning.data import RenderedDSprites

BATCH_SIZE = 64
STANDARD_STEPS = 300_000
PARTS = 3  # of each run; the spread of their rates shows how steady it was
WARM_UP, QUICK_WARM_UP = 200, 2  # steps
BARE, FIT = "bare loop, float32", "fit"


def now() -> float:
    """Return the time after all pending work on the device has finished."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


class Rates:
    """Steps per second in equal parts of a run, after a warm-up.

    Args:
        steps: Counted steps.
        warm_up: Steps before the counted ones.
    """

    def __init__(self, steps: int, warm_up: int) -> None:
        self._due = [warm_up + part * steps // PARTS for part in range(PARTS + 1)]
        self._marks: list[tuple[int, float]] = []

    def reached(self, step: int) -> None:
        """Record the time if a part ends at ``step`` or earlier."""
        if self._due and step >= self._due[0]:
            self._marks.append((step, now()))
            self._due = [due for due in self._due if due > step]

    def spread(self) -> Spread:
        """Return the rates."""
        return Spread(tuple((last - first) / (end - start) for (first, start), (last, end) in pairwise(self._marks)))


class CountForRates:
    """Reports steps to :class:`Rates`; a mixin for Lightning's ``Callback``, from either Lightning package."""

    def __init__(self, rates: Rates) -> None:
        self.rates = rates

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """Report the steps."""
        self.rates.reached(trainer.global_step)


class TrainerRates(CountForRates, Callback):
    """The callback for this package's Trainer."""


def bare_loop(images: Tensor, steps: int, warm_up: int, low_precision: bool) -> Spread:
    """Return the rates of an eager loop on ``images`` (N, 1, 64, 64) uint8, on their device."""
    device, rates = images.device, Rates(steps, warm_up)
    model = PlainVAE(*burgess_layers(), beta=4.0, images=True).to(device)
    if low_precision:
        model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    for step in range(warm_up + steps):
        batch = as_float(images[torch.randint(len(images), (BATCH_SIZE,), device=device)])
        with torch.autocast(device.type, torch.bfloat16, enabled=low_precision):
            loss = model(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.reached(step + 1)
    return rates.spread()


def fit(steps: int, warm_up: int, *arguments: str) -> Spread:
    """Return the rates of the command line, without assays."""
    rates = Rates(steps, warm_up)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        command = ["fit", "--config", str(CONFIG), *BURGESS, *without_assays(), f"--data.batch_size={BATCH_SIZE}"]
        command += [f"--trainer.default_root_dir={folder}/run", f"--trainer.max_steps={warm_up + steps}"]
        command += ["--data.batches_per_epoch=10000000", "--trainer.limit_val_batches=0", "--wandb.mode=disabled"]
        run = prepare([*command, *arguments], RunCLI)
        run.trainer.callbacks.insert(0, TrainerRates(rates))  # type: ignore[attr-defined]
        run.start()
    return rates.spread()


def disent(images: Tensor, steps: int, warm_up: int, accelerator: str) -> Spread:
    """Return the rates of disent, if installed; its images stay on the CPU."""
    import lightning
    from contestant_disent import train

    class TheirRates(CountForRates, lightning.Callback):  # type: ignore[misc]
        """The callback for disent's Trainer."""

    rates = Rates(steps, warm_up)
    callback = TheirRates(rates)
    train(images.cpu(), BATCH_SIZE, accelerator, callback, max_steps=warm_up + steps)
    return rates.spread()


class Way(NamedTuple):
    """A measurement.

    Attributes:
        run: Measures and returns the rates.
        expected: Expected seconds.
        seeds: Number of models trained.
    """

    run: Callable[[], Spread]
    expected: float
    seeds: int = 1


def ways(images: Tensor, quick: bool) -> dict[str, Way]:
    """Return the measurements, the most informative first."""
    updates = 2 if quick else 50
    several = f"--model.updates_per_batch={updates}"
    accelerator = "gpu" if images.device.type == "cuda" else "cpu"

    def size(steps: int) -> tuple[int, int]:
        """Return ``steps`` and the warm-up before them."""
        return (2 * PARTS, QUICK_WARM_UP) if quick else (steps, WARM_UP)

    return {
        BARE: Way(lambda: bare_loop(images, *size(1500), low_precision=False), 6),
        "bare loop, bfloat16, channels-last": Way(lambda: bare_loop(images, *size(1500), low_precision=True), 6),
        FIT: Way(lambda: fit(*size(1500)), 8),
        f"fit, updates_per_batch {updates}": Way(lambda: fit(*size(12_000), several), 10),
        f"fit, updates_per_batch {updates}, compile_network": Way(
            lambda: fit(*size(12_000), several, "--model.compile_network=true"), 40
        ),
        f"fit, updates_per_batch {updates}, 4 seeds": Way(lambda: fit(*size(3000), several, "--seeds=4"), 8, 4),
        f"fit, updates_per_batch {updates}, 16 seeds": Way(lambda: fit(*size(1200), several, "--seeds=16"), 12, 16),
        DISENT: Way(lambda: disent(images, *size(150), accelerator), 10),
    }


def measured(ways: dict[str, Way], end: float) -> tuple[list[list[Cell]], dict[str, Spread]]:
    """Run the measurements that fit before ``end``; a failure is recorded and does not stop the others.

    Returns:
        Rows of the table, and the measured rates.
    """
    rows: list[list[Cell]] = []
    found: dict[str, Spread] = {}
    for name, way in ways.items():
        start = time.perf_counter()
        if end - start < way.expected:
            rows.append([name, "skipped: no time left", None, None, None, None])
            continue
        try:
            found[name] = rate = way.run()
        except Exception as error:
            rows.append([name, f"failed: {error!r}"[:150], None, None, None, None])
            continue
        median, base = rate.median, found.get(BARE)
        relative = None if base is None else way.seeds * median / base.median
        whole = time.perf_counter() - start
        rows.append([name, rate, relative, BATCH_SIZE * way.seeds * median, STANDARD_STEPS / median, whole])
    return rows, found


def main() -> None:
    """Run as many measurements as the budget allows."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--budget", type=float, default=95.0, help="seconds")
    options = parser.parse_args()
    end = time.perf_counter() + options.budget
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    dataset = RenderedDSprites().to("cuda" if torch.cuda.is_available() else "cpu")
    indices = torch.arange(2048 if options.quick else len(dataset))
    images = torch.cat([dataset.images(part) for part in torch.split(indices, 1 << 16)])
    rows, found = measured(ways(images, options.quick), end)
    graphics = torch.cuda.get_device_name() if images.is_cuda else "no GPU"
    rates = ["steps/s", "times seeds, relative to the first", "images/s"]
    columns = ["", *rates, f"s for {STANDARD_STEPS:,} steps", "s measured"]
    warm_up = QUICK_WARM_UP if options.quick else WARM_UP
    note = (
        f"torch {torch.__version__}. Steps per second after {warm_up} steps of warm-up, in {PARTS} parts of a run. The "
        "last column is the duration of the whole run, including command line, warm-up and last checkpoint."
    )
    tables = [Table(f"dSprites, batch {BATCH_SIZE}, on {graphics}", columns, rows, note)]
    if FIT in found and end - time.perf_counter() > 20:
        try:
            tables.append(assay_share(1 / found[FIT].median, options.quick)[0])
        except Exception as error:
            tables.append(Table("Assays", ["failed"], [[repr(error)[:300]]]))
    deliver(Group("Training on a GPU", tables), options)


if __name__ == "__main__":
    main()
