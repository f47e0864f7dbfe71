"""Start-up: time from process start to the first step, imports, and the first batch of data sets.

OMP_NUM_THREADS=2 python benchmarks/start_up.py
"""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from assay_share import BURGESS
from measuring import Cell, Group, Spread, Table, Target, benchmark_parser, deliver, interleaved, ratio
from race import contestant, dsprites_images, fit, peer, reason, require_linux, start
from setup_peers import DISENT, PYTHAE, peers_python
from turns import ContestantError

IMPORTS = {
    "torch": "import torch",
    "torch and pytorch_lightning": "import torch, pytorch_lightning",
    "lr_lightning.assays": "import lr_lightning.assays",
    "everything that lr-lightning fit imports": "import lr_lightning.commands.fit.training",
}
PEER_IMPORTS = {
    "disent's frameworks, data and networks": "import disent.frameworks.vae, disent.dataset.data, disent.model.ae",
    "pythae's models and pipelines": "import pythae.models, pythae.pipelines",
}
LIGHTNING = "LightningModule, DataLoader"
FITS = {
    "lr-lightning fit, dSprites": ("dsprites_betavae", BURGESS),
    "lr-lightning fit, double helix": ("helix", ()),
}
GOAL = 1.15
DATA_SETS = ("RenderedDSprites", "RenderedShapes3D", "DoubleHelix")


def run(python: str, code: str) -> None:
    """Run ``code`` in a separate process."""
    quiet = subprocess.DEVNULL
    subprocess.run([python, "-W", "ignore", "-c", code], check=True, stdout=quiet, stderr=quiet)


def works(python: Path, code: str) -> bool:
    """Return whether ``code`` runs, i.e. whether the peer that it imports is installed."""
    try:
        run(str(python), code)
    except (subprocess.CalledProcessError, FileNotFoundError):
        return False
    return True


def first_steps(folder: Path, rounds: int, quick: bool) -> tuple[Table, list[Target]]:
    """Return the time that each contestant takes to the end of its first step, and the goals for ``fit``."""
    data = ("--images", dsprites_images(folder, quick))
    commands = {
        "bare loop": contestant("bare", *data),
        LIGHTNING: contestant("lightning", *data),
        **{name: fit(config, *words) for name, (config, words) in FITS.items()},
        DISENT: peer("disent", folder, *data),
        PYTHAE: peer("pythae", folder, *data),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    missing: dict[str, str] = {}
    for turn in range(1 + rounds):
        for name, command in commands.items():
            if name in missing:
                continue
            with tempfile.TemporaryDirectory() as scratch:
                try:
                    runner = start(name, command, Path(scratch, str(turn)))
                except (ContestantError, FileNotFoundError) as error:
                    if name not in (DISENT, PYTHAE):
                        raise
                    missing[name] = reason(error)
                    continue
                if turn > 0:  # in the first turn, files are read from disk
                    seconds[name].append(runner.seconds_to_first_step)
                runner.stop()
    rows: list[list[Cell]] = [
        [name, Spread(tuple(values)) if values else missing[name]] for name, values in seconds.items()
    ]
    note = "`lr-lightning fit` starts W&B offline and first validates on two batches, as a Trainer does by default."
    table = Table("From process start to the end of the first step", ["", "seconds"], rows, note)
    plain = Spread(tuple(seconds[LIGHTNING]))
    targets = [
        Target(
            f"time to the first step, {name} / {LIGHTNING}",
            ratio(Spread(tuple(seconds[name])), plain).median,
            GOAL,
            at_least=False,
        )
        for name in FITS
    ]
    return table, targets


def imports(folder: Path, rounds: int) -> Table:
    """Return the time of processes that only import."""
    ways = {name: partial(run, sys.executable, code) for name, code in IMPORTS.items()}
    ways["lr-lightning --help"] = partial(run, sys.executable, "from lr_lightning.cli import main; main(['--help'])")
    python = peers_python(folder)
    ways |= {name: partial(run, str(python), code) for name, code in PEER_IMPORTS.items() if works(python, code)}
    seconds, _ = interleaved(ways, rounds)
    return Table("Imports", ["imported", "seconds"], [[name, spread] for name, spread in seconds.items()])


def data_sets(rounds: int) -> Table:
    """Return the time from creating each data set to its first batch."""
    import torch

    import lr_lightning.data

    def first_batch(name: str) -> None:
        dataset = getattr(lr_lightning.data, name)()
        dataset.images(torch.arange(64))

    seconds, _ = interleaved({name: partial(first_batch, name) for name in DATA_SETS}, rounds)
    note = "For data sets read from files, see `data_sets.py`."
    return Table(
        "From creating a data set to its first batch", ["", "seconds"], [[*pair] for pair in seconds.items()], note
    )


def main() -> None:
    """Measure all three."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    require_linux()
    rounds = 1 if options.quick else options.rounds
    steps, targets = first_steps(options.folder, rounds, options.quick)
    tables = [steps, imports(options.folder, rounds), data_sets(rounds)]
    deliver(Group("Start", tables, targets), options)


if __name__ == "__main__":
    main()
