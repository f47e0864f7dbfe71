"""Training on dSprites: ``lr-lightning fit`` against bare loops, a plain LightningModule, disent and pythae.

All train the network of Burgess et al. with 10 latents as a beta-VAE with Adam, on the same 737,280 images, each in its
own process; they take turns. The bare loops index a tensor of bytes in memory; the peers read single images from the
same bytes, as in their documentation; ``lr-lightning`` renders its images, as in its config. The command line makes the
C library keep freed memory (``commands/fit/memory.py``); bare loops run without this setting, as they are usually
written, with it, and with channels-last weights, which ``lr-lightning`` uses too.

    python benchmarks/setup_peers.py
    OMP_NUM_THREADS=2 python benchmarks/training.py
"""

import tempfile
from pathlib import Path

from assay_share import BURGESS, assay_share, without_assays
from measuring import Cell, Group, Table, Target, benchmark_parser, deliver, ratio
from race import KEEP_MEMORY, Race, contestant, dsprites_images, fit, peer, race, require_linux, shapes3d_images
from setup_peers import DISENT, PYTHAE

from lr_lightning.commands.fit.precision import default_precision

BARE, BARE_LAST = "bare loop, float32", "bare loop, float32, channels-last"
BARE_LOW = "bare loop, bfloat16, channels-last"
KEPT = ", freed memory kept"
FIT, FIT_FULL = "lr-lightning fit", "lr-lightning fit, float32"
NUM_STEPS = 1000


def commands(batch_size: int, images: Path, folder: Path) -> dict[str, list[str]]:
    """Return the command that starts each contestant."""
    data = ("--images", images, "--batch-size", batch_size)
    ours = (*BURGESS, f"--data.batch_size={batch_size}", f"--data.batches_per_epoch={10**6}")
    found = {
        BARE: contestant("bare", *data),
        BARE + KEPT: [*KEEP_MEMORY, *contestant("bare", *data)],
        BARE_LAST + KEPT: [*KEEP_MEMORY, *contestant("bare", *data, "--channels-last")],
        FIT: fit("dsprites_betavae", *ours, *without_assays()),
        "LightningModule, DataLoader": contestant("lightning", *data),
        "LightningModule, DataLoader, 2 workers": contestant("lightning", *data, "--num-workers", 2),
        DISENT: peer("disent", folder, *data),
        PYTHAE: peer("pythae", folder, *data),
    }
    if default_precision("cpu") == "bf16-mixed":
        low = contestant("bare", *data, "--bfloat16", "--channels-last")
        found |= {BARE_LOW: low, BARE_LOW + KEPT: [*KEEP_MEMORY, *low]}
        found[FIT_FULL] = fit("dsprites_betavae", *ours, *without_assays(), "--trainer.precision=32-true")
    return found


def table(found: Race, batch_size: int, starts: bool) -> Table:
    """Return the rates of a race; with ``starts``, also the time of 1,000 steps including process start-up."""
    columns = [
        "batch " + str(batch_size),
        "images/s",
        "relative to bare loop, float32",
        "own memory, MB",
        "mapped files, MB",
    ]
    columns += ["s to first step", f"s for {NUM_STEPS:,} steps with start-up"] * starts
    rows: list[list[Cell]] = []
    for name, rate in found.rates.items():
        own, mapped = found.memory[name]
        row: list[Cell] = [name, rate.scaled(batch_size), ratio(rate, found.rates[BARE]), own, mapped]
        if starts:
            first = found.first_steps[name]
            row += [first, first + (NUM_STEPS - 1) / rate.median]
        rows.append(row)
    note = (
        "Medians over turns, with the lowest and highest turn. Mapped files are shared by all processes that read them."
        + found.note()
    )
    if starts:
        note += " The last column is the time to the first step, measured once, "
        note += f"plus {NUM_STEPS - 1} steps at the median rate."
    return Table(f"Steps of batch {batch_size}", columns, rows, note)


def targets(found: Race, batch_size: int) -> list[Target]:
    """Return the goals that a race measures."""
    rates = found.rates
    pairs = [(FIT, BARE_LAST + KEPT, 0.95), (FIT, DISENT, 1.7), (FIT, PYTHAE, 1.7)]
    if BARE_LOW in rates:
        pairs[:1] = [(FIT, BARE_LOW + KEPT, 0.95), (FIT_FULL, BARE_LAST + KEPT, 0.95)]
    return [
        Target(
            f"batch {batch_size}: images/s, {ours} / {other}",
            ratio(rates[ours], rates[other]).median if {ours, other} <= rates.keys() else None,
            bound,
        )
        for ours, other, bound in pairs
    ]


def shapes3d(folder: Path, scratch: Path, quick: bool) -> tuple[Table, list[Target]]:
    """Return the rates on 3DShapes, of ``lr-lightning fit`` and of bare loops in both precisions."""
    task = ("--task", "shapes3d", "--images", shapes3d_images(folder), "--channels-last")
    ours = [*BURGESS, "--model.network.channels=3", "--data.dataset=RenderedShapes3D", *without_assays()]
    ours.append(f"--data.batches_per_epoch={10**6}")
    contestants = {
        BARE_LAST + KEPT: [*KEEP_MEMORY, *contestant("bare", *task)],
        FIT_FULL: fit("dsprites_betavae", *ours, "--trainer.precision=32-true"),
    }
    if default_precision("cpu") == "bf16-mixed":
        contestants |= {
            BARE_LOW + KEPT: [*KEEP_MEMORY, *contestant("bare", *task, "--bfloat16")],
            FIT: fit("dsprites_betavae", *ours),
        }
    rounds, warm_up, steps = (2, 1, 2) if quick else (9, 5, 12)
    found = race(contestants, scratch, rounds=rounds, warm_up=warm_up, steps=steps, start_together=True)
    rows: list[list[Cell]] = [
        [name, rate.scaled(64), ratio(rate, found.rates[BARE_LAST + KEPT])] for name, rate in found.rates.items()
    ]
    goals = []
    if FIT in contestants:
        relative = ratio(found.rates[FIT], found.rates[BARE_LOW + KEPT]).median
        goals.append(Target(f"3DShapes, batch 64: images/s, {FIT} / {BARE_LOW + KEPT}", relative, 1.1))
    columns = ["3DShapes, batch 64", "images/s", f"relative to {BARE_LAST + KEPT}"]
    note = "The network of Burgess et al. with three channels; rendered images, a tenth of them for the bare loops."
    return Table("Steps on 3DShapes", columns, rows, note), goals


def main() -> None:
    """Run the races and measure the assays."""
    options = benchmark_parser(__doc__).parse_args()
    require_linux()
    images = dsprites_images(options.folder, options.quick)
    group = Group("Training")
    sizes = {64: (7, 5, 12), 256: (5, 5, 4)}  # turns, warm-up steps per turn, counted steps per turn
    with tempfile.TemporaryDirectory() as scratch:
        for batch_size, (rounds, warm_up, steps) in sizes.items():
            found = race(
                commands(batch_size, images, options.folder),
                Path(scratch, str(batch_size)),
                rounds=2 if options.quick else rounds,
                warm_up=1 if options.quick else warm_up,
                steps=2 if options.quick else steps,
                start_together=batch_size != 64 or options.quick,
                optional=(DISENT, PYTHAE),
            )
            group.tables.append(table(found, batch_size, starts=batch_size == 64))
            group.targets += targets(found, batch_size)
            if batch_size == 64:
                assays, share = assay_share(1 / found.rates[FIT].median, options.quick)
                group.tables.append(assays)
                group.targets.append(Target("assays, share of training time", share, 0.05, at_least=False))
        table_of_shapes, goals = shapes3d(options.folder, Path(scratch, "shapes3d"), options.quick)
        group.tables.append(table_of_shapes)
        group.targets += goals
    deliver(group, options)


if __name__ == "__main__":
    main()
