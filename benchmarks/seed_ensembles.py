"""Several seeds in one run, ``lr-lightning fit --seeds S``, against separate runs one after the other.

OMP_NUM_THREADS=2 python benchmarks/seed_ensembles.py
"""

import tempfile
from pathlib import Path

from assay_share import BURGESS, without_assays
from measuring import Cell, Group, Spread, Table, Target, benchmark_parser, deliver, ratio
from race import Race, fit, race, require_linux, start

NUMBERS = (1, 4, 16)
TASKS = {
    "double helix, a tiny network": ("helix", ("--data.batches_per_epoch=1000000",), 5000),
    "dSprites, network of Burgess et al.": ("dsprites_betavae", (*BURGESS, *without_assays()), 300_000),
}


def together_over_alone(found: Race, number: int, num_steps: int) -> Spread:
    """Return the time of one run with ``number`` seeds relative to separate runs, including process start-up."""
    name, one = f"{number} seeds", "1 seeds"
    alone = Spread(tuple(number * (found.first_steps[one] + num_steps / rate) for rate in found.rates[one].values))
    together = Spread(tuple(found.first_steps[name] + num_steps / rate for rate in found.rates[name].values))
    return ratio(together, alone)


def table(title: str, found: Race, num_steps: int) -> Table:
    """Return the projected times of runs of ``num_steps``, from their start-up times and rates."""
    rows: list[list[Cell]] = []
    for number in NUMBERS:
        name = f"{number} seeds"
        rate, times = found.rates[name], together_over_alone(found, number, num_steps)
        rows.append([str(number), rate, rate.scaled(number), times, found.memory[name][0]])
    columns = [
        "seeds",
        "steps/s",
        "steps/s times seeds",
        f"time of {num_steps:,} steps relative to separate runs",
        "own memory, MB",
    ]
    return Table(title, columns, rows, "Including process start-up.")


def main() -> None:
    """Run a race for each task."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    require_linux()
    group = Group("Many seeds")
    for title, (config, arguments, num_steps) in TASKS.items():
        steps = (50 if config == "helix" else 2) if not options.quick else 1
        # the same total number of updates per turn
        warm_up, counted = ({f"{n} seeds": s * NUMBERS[-1] // n for n in NUMBERS} for s in (1, steps))
        with tempfile.TemporaryDirectory() as scratch:
            commands = {f"{n} seeds": fit(config, *arguments, f"--seeds={n}") for n in NUMBERS}
            start("none", next(iter(commands.values())), Path(scratch)).stop()  # the first start reads files from disk
            rounds = 1 if options.quick else options.rounds
            found = race(commands, Path(scratch), rounds=rounds, warm_up=warm_up, steps=counted)
        group.tables.append(table(title, found, num_steps))
        times = together_over_alone(found, NUMBERS[-1], num_steps).median
        what = f"{title}: time, {NUMBERS[-1]} seeds in one run / {NUMBERS[-1]} runs"
        group.targets.append(Target(what, times, 1.0, at_least=False))
    deliver(group, options)


if __name__ == "__main__":
    main()
