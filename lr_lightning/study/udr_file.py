"""The file with UDR, the agreement of the runs of a cell with each other, and whether it is up to date."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lr_lightning.common.files import write_atomically
from lr_lightning.study.layout import StudyFolder, udr_path
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.next_step import study_command
from lr_lightning.study.run_states import RunKey, RunState

FORMAT = 1


@dataclass(frozen=True)
class CellUDR:
    """UDR of the runs of a cell.

    Attributes:
        finished: When each run that was compared had been evaluated, in seconds since 1970, by seed.
        num_inputs: Number of inputs on which they were compared.
        lasso: UDR of each run by lasso coefficients, in the order of the seeds; ``None`` where it is undefined.
        spearman: The same by rank correlations.
    """

    finished: Mapping[int, float]
    num_inputs: int
    lasso: Sequence[float | None]
    spearman: Sequence[float | None]


@dataclass(frozen=True)
class StudyUDR:
    """UDR of the runs of a study.

    Attributes:
        current: UDR of the cells whose file is up to date, by identity.
        missing: When each run that is done was evaluated, by seed, of the cells without such a file.
    """

    current: Mapping[str, CellUDR]
    missing: Mapping[str, Mapping[int, float]]

    def score_columns(self, cell: str, seed: int) -> dict[str, list[Any]]:
        """Return UDR of a run as columns of a table of scores; empty if it is not known.

        Ceiling and chance are those of :func:`~lr_lightning.metrics.functional.unsupervised_disentanglement_ranking`:
        its penalty of .1 limits lasso coefficients to .9, and rank correlations have no known chance.
        """
        if cell not in self.current:
            return {}
        found = self.current[cell]
        place = list(found.finished).index(seed)
        return {
            "name": ["udr_lasso", "udr_spearman"],
            "metric": ["udr", "udr"],
            "variant": ["lasso", "spearman"],
            "value": [found.lasso[place], found.spearman[place]],
            "standard_error": [None, None],
            "ceiling": [0.9, 1.0],
            "chance": [0.0, None],
            "higher_is_better": [True, True],
        }


def read_study_udr(manifest: Manifest, root: Path, states: Mapping[RunKey, RunState]) -> StudyUDR:
    """Return UDR of the runs of a study, as far as it is up to date.

    A file is up to date if it compares exactly the runs of the study that are done, and none of them has been evaluated
    again. Cells with fewer than two such runs have no UDR, and do not lack it.

    Args:
        manifest: The study; nothing is read unless its evaluation asks for UDR.
        root: Folder of all studies.
        states: The state of each run.
    """
    current: dict[str, CellUDR] = {}
    missing: dict[str, Mapping[int, float]] = {}
    for cell in manifest.cells if manifest.evaluation.udr_inputs is not None else ():
        runs = ((seed, states[cell.identity, seed].finished) for seed in manifest.seeds)
        finished = {seed: moment for seed, moment in runs if moment is not None}
        if len(finished) < 2:
            continue
        found = read_udr(udr_path(root, cell.identity, manifest.evaluation.digest, manifest.seeds))
        if found is not None and found.finished == finished:
            current[cell.identity] = found
        else:
            missing[cell.identity] = finished
    return StudyUDR(current, missing)


def write_udr(path: Path, udr: CellUDR) -> None:
    """Write UDR of a cell, complete or not at all."""
    text = json.dumps({"format": FORMAT} | asdict(udr))
    write_atomically(path, lambda file: file.write(text.encode()))


def read_udr(path: Path) -> CellUDR | None:
    """Return UDR of a cell; ``None`` if there is no file that this version can read, so that it is computed again."""
    try:
        values = json.loads(path.read_bytes())
        if values.pop("format") > FORMAT:
            return None
        finished = {int(seed): moment for seed, moment in values.pop("finished").items()}
        udr = CellUDR(finished, **values)
        return udr if len(udr.lasso) == len(udr.spearman) == len(finished) else None
    except (OSError, AttributeError, KeyError, TypeError, ValueError):
        return None


def missing_udr(folder: StudyFolder, num_missing: int) -> Iterator[str]:
    """Yield a sentence on how to compute UDR if cells lack it.

    Args:
        folder: The study.
        num_missing: Number of cells without it.
    """
    if num_missing:
        cells = "1 cell" if num_missing == 1 else f"{num_missing:,} cells"
        how = study_command("udr", folder.name, folder.root)
        yield f"UDR of {cells} is missing or out of date; to compute it: {how}"
