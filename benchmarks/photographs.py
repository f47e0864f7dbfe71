"""Random batches of CIFAR-10 and CelebA: this package's cache against torchvision's ``DataLoader`` with two workers.

Both read the same files, which are stand-ins of the public sizes: 50,000 images of 32 x 32 pixels in pickles, and
202,599 JPEG files of 178 x 218 pixels, cropped to 148 x 148 and resized to 64 x 64. Both yield batches of 64 as float32
with their labels. They read in turns, from the page cache. For each, the benchmark also measures the time from the
start of the process to the first batch, with the conversion to the memory-mapped cache and without, and memory.

    OMP_NUM_THREADS=1 python benchmarks/photographs.py --folder scratch

The files (4 GB with the cache) are removed at the end, unless ``--keep`` is given.
"""

import shutil
import tempfile
from pathlib import Path

from measuring import Cell, Group, Spread, Table, Target, benchmark_parser, deliver, ratio
from picture_files import read_all, write_celeba, write_cifar10
from race import KEEP_MEMORY, contestant, race, require_linux, start

OURS, THEIRS = "lr_lightning", "torchvision, DataLoader with two workers"
CACHE = "lr_lightning_cache"
BATCH_SIZE = 64
TITLES = {"cifar10": "CIFAR-10, {:,} images of 3 x 32 x 32", "celeba": "CelebA, {:,} images of 3 x 64 x 64"}
SIZES = {"cifar10": 50_000, "celeba": 202_599}
WRITERS = {"cifar10": write_cifar10, "celeba": write_celeba}


def files(name: str, folder: Path, num_images: int) -> Path:
    """Write the files of a data set if they are missing; return their folder."""
    root = folder.absolute() / f"{name}_{num_images}" / "files"
    if not root.exists():
        unfinished = root.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        WRITERS[name](unfinished, num_images)
        unfinished.replace(root)
    return root


def commands(name: str, root: Path) -> dict[str, list[str]]:
    """Return the commands of the two contestants, which both keep freed memory, as lr-lightning does."""
    options = ("--name", name, "--root", root, "--batch-size", BATCH_SIZE)
    loaders = {OURS: "package", THEIRS: "torchvision"}
    return {
        title: [*KEEP_MEMORY, *contestant("batches", "--loader", loader, *options)] for title, loader in loaders.items()
    }


def conversion(name: str, root: Path, scratch: Path) -> tuple[float, float]:
    """Convert the files; return seconds until the first batch, and the peak memory of the process in MB."""
    shutil.rmtree(root.parent / CACHE, ignore_errors=True)
    runner = start(OURS, commands(name, root)[OURS], scratch)
    peak = runner.peak_memory()
    runner.stop()
    return runner.seconds_to_first_step, peak


def starts(name: str, root: Path, rounds: int, scratch: Path) -> dict[str, Spread]:
    """Return the seconds until the first batch of each contestant, with the cache already built."""
    seconds: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for turn in range(rounds):
        for title, command in commands(name, root).items():
            runner = start(title, command, scratch / str(turn))
            seconds[title].append(runner.seconds_to_first_step)
            runner.stop()
    return {title: Spread(tuple(values)) for title, values in seconds.items()}


def measure(
    name: str, root: Path, num_images: int, num_starts: int, rounds: int, num_batches: int
) -> tuple[Table, Target]:
    """Measure one data set."""
    title = TITLES[name].format(num_images)
    file_size = read_all(root) / 1e6
    with tempfile.TemporaryDirectory() as scratch:
        seconds, peak = conversion(name, root, Path(scratch, "conversion"))
        cache_size = sum(path.stat().st_size for path in (root.parent / CACHE).iterdir()) / 1e6
        later = starts(name, root, num_starts, Path(scratch, "starts"))
        found = race(
            commands(name, root),
            Path(scratch),
            rounds=rounds,
            warm_up=20,
            steps={OURS: 10 * num_batches, THEIRS: num_batches},  # about the same time for both
        )
    rates = {each: rate.scaled(BATCH_SIZE) for each, rate in found.rates.items()}
    faster = ratio(rates[OURS], rates[THEIRS])
    rows: list[list[Cell]] = [
        [each, rates[each], faster if each == OURS else 1.0, later[each], *found.memory[each]] for each in rates
    ]
    columns = ["", "images/s", "ratio", "s to the first batch", "own memory, MB", "mapped files, MB"]
    note = (
        f"The files have {file_size:,.0f} MB, the cache {cache_size:,.0f} MB. Until the first batch of the very first "
        f"start, which converts the files, it took {seconds:.1f} s and at most {peak:,.0f} MB."
    )
    return Table(title, columns, rows, note), Target(f"{title}: images/s, {OURS} / {THEIRS}", faster.median, 10)


def main() -> None:
    """Write the files, measure, and remove them."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=list(SIZES), default=list(SIZES), help="data sets (default: both)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--num-batches", type=int, default=150, help="batches of the DataLoader per round")
    parser.add_argument("--keep", action="store_true", help="keep the files for the next run")
    options = parser.parse_args()
    require_linux()
    group = Group("Photographs")
    for name in options.only:
        num_images = 2_000 if options.quick else SIZES[name]
        root = files(name, options.folder, num_images)
        repeats = (1, 2, 10) if options.quick else (options.starts, options.rounds, options.num_batches)
        table, target = measure(name, root, num_images, *repeats)
        group.tables.append(table)
        group.targets.append(target)
        if not options.keep:
            shutil.rmtree(root.parent)
    deliver(group, options)


if __name__ == "__main__":
    main()
