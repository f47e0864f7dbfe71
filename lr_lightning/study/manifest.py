"""The manifest of a study: everything that is needed to run it, without reading its definition again."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

from lr_lightning.common.files import write_atomically
from lr_lightning.study.layout import StudyFolder

FORMAT = 3
"""Format 2 had no cells whose runs are trained alone; 1 no groups, and ``seeds_per_job`` for ``runs_per_job``."""
Value: TypeAlias = "bool | int | float | str | list[Any] | dict[str, Any] | None"
"""A plain value of a config."""


@dataclass(frozen=True)
class Cell:
    """A configuration without its seed.

    Attributes:
        identity: Hash of the values that affect training; names the folder of its runs.
        block: Number of the block in the study's grid, from 1.
        label: Readable name, unique in the study, e.g. ``"BetaVAE beta=4"``.
        objective: Class name of the model, e.g. ``"BetaVAE"``, or the name that the block gives to it.
        dataset: Class name of the data set, e.g. ``"RenderedDSprites"``; if the class opens several sets, the
            name of the set.
        parameters: The values that the grid sets, by their keys, e.g. ``{"model.beta": 4}``.
        group: The same for cells whose runs can be trained together; empty if it is not known.
        alone: The argument of the Trainer for which each run has a job of its own; empty if there is none, or all have.
    """

    identity: str
    block: int
    label: str
    objective: str
    dataset: str
    parameters: Mapping[str, Value]
    group: str = ""
    alone: str = ""


@dataclass(frozen=True)
class Evaluation:
    """What is measured on each run after its training.

    Attributes:
        metrics: Metrics or groups of metrics; none if empty.
        assays: Arguments of each assay, by the name of the assay.
        codes: Whether scores use the means of posteriors or one sample of each.
        checkpoint: Which weights are evaluated.
        udr_inputs: On how many observations the seeds of a cell are compared for UDR; ``None`` if they are not.
    """

    metrics: tuple[str, ...] = ("default",)
    assays: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    codes: Literal["mean", "sample"] = "mean"
    checkpoint: Literal["last", "best"] = "last"
    udr_inputs: int | None = None

    @cached_property
    def digest(self) -> str:
        """Hash that names the files with the results; arguments at their defaults do not change it."""
        defaults = asdict(Evaluation())
        given = {key: value for key, value in asdict(self).items() if value != defaults[key]}
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Resources:
    """What one job occupies.

    Attributes:
        cpus: Cores; ``None`` to share all cores among the jobs that run at once.
        gpus: Devices, or the share of one device.
    """

    cpus: float | None = None
    gpus: float = 0.0


@dataclass(frozen=True)
class Manifest:
    """The runs of a study.

    Attributes:
        name: Name of the study.
        definition: Hash of the study file that the manifest was made from.
        version: Version of this package that made it.
        cells: The cells.
        seeds: Seeds of each cell.
        runs_per_job: How many runs one job trains together, at most.
        evaluation: What is measured on each run.
        resources: What one job occupies.
        wandb: Whether runs are logged to W&B.
    """

    name: str
    definition: str
    version: str
    cells: tuple[Cell, ...]
    seeds: tuple[int, ...]
    runs_per_job: int = 1
    evaluation: Evaluation = field(default_factory=Evaluation)
    resources: Resources = field(default_factory=Resources)
    wandb: Literal["offline", "online", "disabled"] = "offline"

    @property
    def runs(self) -> Iterator[tuple[Cell, int]]:
        """All runs: each cell with each seed."""
        return ((cell, seed) for cell in self.cells for seed in self.seeds)


def write_manifest(folder: StudyFolder, manifest: Manifest) -> None:
    """Write the manifest of a study, complete or not at all."""
    text = json.dumps({"format": FORMAT} | asdict(manifest), indent=1)
    write_atomically(folder.manifest, lambda file: file.write(text.encode()))


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in a file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged or was written by a later version.
    """
    try:
        values = json.loads(path.read_text())
        if values.pop("format") > FORMAT:
            raise ValueError("it was written by a later version of lr-lightning; update the package")
        if "seeds_per_job" in values:
            values["runs_per_job"] = values.pop("seeds_per_job")
        values["cells"] = tuple(Cell(**cell) for cell in values["cells"])
        values["seeds"] = tuple(values["seeds"])
        evaluation = values["evaluation"]
        values["evaluation"] = Evaluation(**evaluation | {"metrics": tuple(evaluation["metrics"])})
        values["resources"] = Resources(**values["resources"])
        return Manifest(**values)
    except FileNotFoundError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a readable manifest of a study ({error})") from error
