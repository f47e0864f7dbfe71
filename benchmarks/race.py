"""Contestants that train in turns, with their rates, start-up times and memory."""

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from measuring import Spread
from setup_peers import peers_python
from turns import Contestant, ContestantError

from lr_lightning.data import FactorDataset, RenderedDSprites, RenderedShapes3D

HERE = Path(__file__).parent
CONFIGS = HERE.parent / "configs"
# the settings that lr-lightning applies to the C library, for contestants that do not
KEEP_MEMORY = ("env", f"MALLOC_TRIM_THRESHOLD_={1 << 30}", f"MALLOC_MMAP_THRESHOLD_={32 << 20}")


@dataclass
class Race:
    """Results of a race, by the names of the contestants.

    Attributes:
        rates: Steps per second in each turn.
        first_steps: Seconds from the start of the process until the end of the first step.
        memory: Own memory and mapped files in MB, at the end.
        failures: Reasons why contestants are missing.
    """

    rates: dict[str, Spread] = field(default_factory=dict)
    first_steps: dict[str, float] = field(default_factory=dict)
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def note(self) -> str:
        """Return a sentence for each contestant that is missing."""
        return "".join(f" {name} is missing: {reason}." for name, reason in self.failures.items())


def contestant(script: str, *arguments: object) -> list[str]:
    """Return the command that starts ``contestant_<script>.py`` in this environment."""
    return [sys.executable, str(HERE / f"contestant_{script}.py"), *map(str, arguments)]


def fit(config: str, *arguments: object) -> list[str]:
    """Return the command that trains with ``lr-lightning fit`` and one of the shipped configs."""
    return contestant(
        "fit", "fit", "--config", CONFIGS / f"{config}.yaml", "--trainer.default_root_dir=run", *arguments
    )


def peer(script: str, folder: Path, *arguments: object) -> list[str]:
    """Return the command that starts ``contestant_<script>.py`` in the environment of the peers."""
    return [str(peers_python(folder)), *contestant(script, *arguments)[1:]]


def race(
    commands: Mapping[str, Sequence[str]],
    folder: Path,
    *,
    rounds: int,
    warm_up: int | Mapping[str, int],
    steps: int | Mapping[str, int],
    start_together: bool = False,
    optional: Collection[str] = (),
) -> Race:
    """Start all contestants and let them train in turns.

    Args:
        commands: Command that starts each contestant.
        folder: Parent of the contestants' working folders.
        rounds: Number of turns of each.
        warm_up: Steps before the counted ones in each turn, for each or for all; they use up batches that a loader
            prefetched while it waited.
        steps: Counted steps in each turn, for each or for all.
        start_together: Start all at once, if their start-up times do not matter.
        optional: Names of contestants that may be missing, or end before their last turn.

    Raises:
        ContestantError: If a contestant that is not optional ends early.
    """
    found = Race()
    starters = len(commands) if start_together else 1
    with ThreadPoolExecutor(starters) as pool:
        started = {name: pool.submit(start, name, command, folder) for name, command in commands.items()}
    racing: dict[str, Contestant] = {}
    for name, future in started.items():
        try:
            racing[name] = future.result()
            found.first_steps[name] = racing[name].seconds_to_first_step
        except (ContestantError, FileNotFoundError) as error:
            if name not in optional:
                raise
            found.failures[name] = reason(error)
    try:
        rates: dict[str, list[float]] = {name: [] for name in racing}
        for _ in range(rounds):
            for name, runner in list(racing.items()):
                before, counted = (n if isinstance(n, int) else n[name] for n in (warm_up, steps))
                try:
                    rates[name].append(runner.turn(before, counted))
                except ContestantError as error:
                    if name not in optional:
                        raise
                    found.failures[name] = reason(error)  # the others go on without it
                    del racing[name], rates[name]
        found.rates = {name: Spread(tuple(values)) for name, values in rates.items()}
        found.memory = {name: runner.memory() for name, runner in racing.items()}
    finally:
        for runner in racing.values():
            runner.stop()
    return found


def start(name: str, command: Sequence[str], folder: Path) -> Contestant:
    """Start a contestant in its own folder and wait for its first step."""
    quiet = {
        "CUDA_VISIBLE_DEVICES": "",
        "WANDB_MODE": "offline",
        "WANDB_ERROR_REPORTING": "false",
        "PYTHONPATH": str(HERE),
    }
    return Contestant(name, command, folder / "".join(filter(str.isalnum, name)), quiet)


def reason(error: Exception) -> str:
    """Return why a contestant is missing."""
    return "its environment does not exist (run setup_peers.py)" if isinstance(error, FileNotFoundError) else str(error)


def dsprites_images(folder: Path, quick: bool) -> Path:
    """Write the 737,280 images of dSprites as raw bytes (3 GB) if they are missing; return the file.

    The file is read once, so that it is in the page cache.
    """
    dataset = RenderedDSprites()
    return _images(dataset, 4096 if quick else len(dataset), folder / f"dsprites{'_quick' * quick}.u8")


def shapes3d_images(folder: Path) -> Path:
    """Write every tenth image of 3DShapes as raw bytes (590 MB) if they are missing; return the file."""
    dataset = RenderedShapes3D()
    return _images(dataset, len(dataset) // 10, folder / "shapes3d_tenth.u8", every=10)


def _images(dataset: FactorDataset, count: int, path: Path, every: int = 1) -> Path:
    """Write ``count`` images if the file is missing; read it once, so that it is in the page cache."""
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            for indices in torch.split(every * torch.arange(count), 4096):
                file.write(dataset.images(indices).numpy().tobytes())
        unfinished.replace(path)
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass
    return path


def require_linux() -> None:
    """Raise ``OSError`` on systems without ``/proc``."""
    if os.name != "posix" or not Path("/proc/self/smaps_rollup").exists():
        raise OSError("these benchmarks read /proc and run on Linux only")
