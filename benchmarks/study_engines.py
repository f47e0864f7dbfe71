"""A small real study, eight runs on the double helix: the engines against a loop of commands, and equal results.

python benchmarks/study_engines.py

The loop runs `lr-lightning fit` and `lr-lightning test` for each run, in a new process each, with the configs that the
study has made. All ways use one thread per run, and compute the same scores.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import yaml
from measuring import Cell, Group, Table, benchmark_parser, deliver, interleaved, machine

from lr_lightning.runs.assay_words import assay_words
from lr_lightning.study.definition import read_definition
from lr_lightning.study.layout import CELL_CONFIG, cell_folder, run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.preparation import prepare_study

LR_LIGHTNING = (sys.executable, "-m", "lr_lightning")


def write_study(folder: Path, steps: int, seeds: int) -> Path:
    """Write the study file: four strengths, and seeds."""
    study = {
        "name": "engines",
        "config": "helix",
        "set": {"trainer.max_steps": steps, "trainer.accelerator": "cpu", "data.batches_per_epoch": steps},
        "seeds": seeds,
        "grid": [{"model.beta": [0.01, 0.05, 0.2, 1.0]}],
        "test": {"metrics": ["mig", "sap"], "assays": ["latent_statistics", "response_matrix"]},
        "resources": {"cpus": 1},
        "wandb": "disabled",
    }
    path = folder / "engines.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def call(*command: str) -> None:
    """Run a command quietly."""
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")


def study(file: Path, parent: Path, engine: str) -> Path:
    """Run the study; return the folder of all studies."""
    root = Path(tempfile.mkdtemp(dir=parent))
    call(*LR_LIGHTNING, "study", "run", str(file), "--root", str(root), "--engine", engine, "--jobs", "2")
    return root


def loop(file: Path, parent: Path, processes: int) -> Path:
    """Run the same in a loop, or in two loops side by side; return the folder of all studies."""
    root = Path(tempfile.mkdtemp(dir=parent))
    manifest, _ = prepare_study(read_definition(file), root)
    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(lambda run: fit_and_test(manifest, root, run[0].identity, run[1]), list(manifest.runs)))
    return root


def fit_and_test(manifest: Manifest, root: Path, cell: str, seed: int) -> None:
    """Train and evaluate one run with two commands."""
    config, folder = cell_folder(root, cell) / CELL_CONFIG, run_folder(root, cell, seed)
    place = ("--trainer.default_root_dir", str(folder))
    call(*LR_LIGHTNING, "fit", "--config", str(config), "--seed_everything", str(seed), *place, "--wandb.mode=disabled")
    evaluation = manifest.evaluation
    words = assay_words(yaml.safe_load((folder / "config.yaml").read_text()), evaluation.metrics, evaluation.assays)
    call(*LR_LIGHTNING, "test", str(folder / "checkpoints" / "last.ckpt"), *words, "--wandb.mode=disabled")


def results(manifest: Manifest, root: Path) -> dict[str, Any]:
    """Return the weights and the scalars of all runs, apart from times."""
    found: dict[str, Any] = {}
    for cell, seed in manifest.runs:
        folder = run_folder(root, cell.identity, seed)
        weights = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        scalars = json.loads((folder / "results.json").read_text())["test"]["scalars"]
        kept = {key: value for key, value in scalars.items() if not key.endswith("/seconds")}
        found[folder.relative_to(root).as_posix()] = {key: value.tolist() for key, value in weights.items()} | kept
    return found


def main() -> None:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    parser.add_argument("--steps", type=int, default=1000, help="training steps of each run")
    options = parser.parse_args()
    steps, seeds, rounds = (50, 1, 1) if options.quick else (options.steps, 2, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        parent = Path(folder)
        file = write_study(parent, steps, seeds)
        manifest, _ = prepare_study(read_definition(file), parent / "plan")
        ways: dict[str, Callable[[], Path]] = {
            "loop of fit and test": partial(loop, file, parent, 1),
            "two such loops at once": partial(loop, file, parent, 2),
            "study, local engine, 2 jobs": partial(study, file, parent, "local"),
        }
        if find_spec("ray"):
            ways["study, Ray, 2 jobs"] = partial(study, file, parent, "ray")
        seconds, roots = interleaved(ways, rounds, warm_up=0)
        first, *others = (results(manifest, root) for root in roots.values())
        equal = ["", *("yes" if other == first else "**no**" for other in others)]
    num_runs = len(list(manifest.runs))
    rows: list[list[Cell]] = [
        [name, spread, spread.scaled(1 / num_runs), same]
        for (name, spread), same in zip(seconds.items(), equal, strict=True)
    ]
    note = f"{num_runs} runs of {steps:,} steps on the double helix. {', '.join(machine().values())}."
    columns = ["", "wall time, s", "s per run", "weights and scores equal to the loop's"]
    group = Group("Engines of studies", [Table("Eight runs" if num_runs == 8 else "Runs", columns, rows, note)])
    deliver(group, options)


if __name__ == "__main__":
    main()
