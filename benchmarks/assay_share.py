"""Cost of the assays of the dSprites config, as a share of training time.

A run with two validations measures each assay at the config's sizes, once as it runs during training and once as it
runs at the end. The share is the total over all validations of the config's schedule, divided by the time of its steps.
"""

import csv
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measuring import Cell, Table
from race import CONFIGS

from lr_lightning.commands.config.includes import read_config

CONFIG = CONFIGS / "dsprites_betavae.yaml"
BURGESS = ("--model.network", "Conv64Burgess")
_TINY = (
    "--data.val_size=512",
    "--assays.conditioned_response.num_traversals=2",
    "--assays.disentanglement.final_metrics=[]",
)


def assay_names() -> list[str]:
    """Return the names of the config's assays."""
    return list(read_config(CONFIG)["assays"])


def without_assays() -> list[str]:
    """Return the arguments that remove all assays of the config."""
    return [f"--assays.{name}=null" for name in assay_names()]


def measured_seconds(quick: bool, arguments: Sequence[str] = ()) -> list[dict[str, float]]:
    """Return the seconds of each assay in a validation during training, and in the last one."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "lr_lightning", "fit", "--config", str(CONFIG), *BURGESS]
        # the assay that does not run at every validation is measured once, at the end
        command += ["--data.batches_per_epoch=1", "--trainer.max_steps=2", f"--trainer.default_root_dir={folder}/run"]
        command += ["--assays.conditioned_response.every_n_validations=0", "--wandb.mode=disabled"]
        command += [*(_TINY if quick else ()), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with Path(folder, "run", "metrics.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
    keys = {name: f"assay/{name}/seconds" for name in assay_names()}
    return [
        {name: float(row[key]) for name, key in keys.items() if row.get(key)}
        for row in rows
        if row.get(keys["response_matrix"])
    ]


def assay_share(seconds_per_step: float, quick: bool, arguments: Sequence[str] = ()) -> tuple[Table, float]:
    """Return a table with the cost of each assay over a whole run, and the total share.

    Args:
        seconds_per_step: Of training.
        quick: Whether to measure at tiny sizes.
        arguments: Additional command-line arguments.
    """
    config = read_config(CONFIG)
    num_steps = config["trainer"]["max_steps"]
    validations = num_steps // config["data"]["init_args"]["batches_per_epoch"]
    during, last = measured_seconds(quick, arguments)
    training = num_steps * seconds_per_step
    rows: list[list[Cell]] = []
    total = 0.0
    for name, seconds in last.items():
        entry = config["assays"][name]
        period = entry.get("init_args", {}).get("every_n_validations", 1) if isinstance(entry, dict) else 1
        often = len([v for v in range(validations - 1) if v % period == 0])
        whole = often * during.get(name, seconds) + seconds
        rows.append(
            [name, during.get(name, seconds), seconds, str(often + 1), whole, f"{100 * whole / training:.2f} %"]
        )
        total += whole
    rows.append(["all", None, None, None, total, f"{100 * total / training:.2f} %"])
    columns = ["assay", "s, during training", "s, at the end", "runs", "s, total", "share of training"]
    note = (
        f"The assays of `configs/dsprites_betavae.yaml` with the network of Burgess et al.: {num_steps:,} steps, "
        f"{validations} validations. The second run of an assay in the same process may be "
        "faster than the first."
    )
    return Table("Assays", columns, rows, note), total / training
