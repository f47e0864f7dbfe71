"""Overhead of a training step: a tiny network on points of a double helix, in batches of 128.

Compares ``lr-lightning fit``, with its loggers, progress bar, checkpoints and callbacks, with
``Trainer(barebones=True)``, which has none of these and receives whole batches, and with a bare loop. The config of the
double helix uses PyTorch's fused Adam; the others use default Adam, and so does one variant of ``lr-lightning fit``.

    OMP_NUM_THREADS=2 python benchmarks/step_overhead.py
"""

import tempfile
from pathlib import Path

from measuring import Cell, Group, Table, Target, benchmark_parser, deliver, ratio
from race import contestant, fit, race, require_linux

BAREBONES, FIT = "Trainer(barebones=True)", "lr-lightning fit"
FIT_LIKE, FIT_50 = "lr-lightning fit, Adam not fused", "lr-lightning fit, updates_per_batch 50"


def main() -> None:
    """Run the race."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    require_linux()
    plain = ("--task", "helix", "--batch-size", 128)
    ours = ("--data.batches_per_epoch=1000000", "--model.optimizer.init_args.amsgrad=false")
    commands = {
        BAREBONES: contestant("lightning", *plain, "--barebones"),
        "bare loop": contestant("bare", *plain),
        "Trainer with defaults, DataLoader": contestant("lightning", *plain),
        FIT_LIKE: fit("helix", *ours, "--model.optimizer.init_args.fused=false"),
        FIT: fit("helix", *ours),
        FIT_50: fit("helix", *ours, "--model.updates_per_batch=50"),
    }
    with tempfile.TemporaryDirectory() as scratch:
        found = race(
            commands,
            Path(scratch),
            rounds=2 if options.quick else options.rounds,
            warm_up=20 if options.quick else 100,
            steps=50 if options.quick else 600,
            start_together=True,
        )
    base = found.rates[BAREBONES]
    rows: list[list[Cell]] = [[name, rate.inverse(1000), ratio(base, rate)] for name, rate in found.rates.items()]
    columns = ["", "ms per step", "relative to barebones"]
    note = (
        "The command line also applies two settings that help any Lightning process: the C library keeps freed memory, "
        "and on machines without a GPU, optimizers do not look for one at each step."
    )
    group = Group("Overhead per step", [Table("A tiny network", columns, rows, note)])
    for name in (FIT_LIKE, FIT, FIT_50):
        slower = ratio(base, found.rates[name]).median
        group.targets.append(Target(f"time per step, {name} / {BAREBONES}", slower, 1.3, at_least=False))
    deliver(group, options)


if __name__ == "__main__":
    main()
