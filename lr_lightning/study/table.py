"""All results of a study as one tidy table, and what is missing from it."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from lr_lightning.study.cell_columns import cell_columns, text_column
from lr_lightning.study.evaluation_file import EvaluationRecord
from lr_lightning.study.layout import STUDIES, evaluation_path, run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.opening import open_study
from lr_lightning.study.result_columns import NUMBERS, Quantity, read_results
from lr_lightning.study.run_states import STATES, RunKey, RunState, run_states
from lr_lightning.study.udr_file import StudyUDR, missing_udr, read_study_udr


def read_table(study: str | Path, root: str | Path = STUDIES) -> pd.DataFrame:
    """Return the results of a study's runs that are done, one row for each quantity of each run.

    Args:
        study: Name of a study, or the file that defines it.
        root: Folder of all studies.

    Returns:
        A table with the columns

        - ``study``, ``cell``, ``label``, ``objective``, ``dataset``: the cell, and what it trains on what;
        - one for each key of the grid, such as ``model.beta``, missing in cells whose block does not set it;
        - ``strength``: the number that the cell's block varies, missing where there is none, or several;
        - ``seed``;
        - ``kind``, ``metric``, ``variant``, ``name``, ``higher_is_better``: the quantity;
        - ``value``, ``standard_error``, ``ceiling``, ``chance``: NaN where they are undefined or were not measured;
        - ``training_seconds``, ``evaluation_seconds``, ``step``, ``threads``, ``precision``, ``versions``: of the run.

        Text is categorical. Rows are in the order of the study's cells and seeds. Cells whose UDR is missing have no
        rows of it, with a warning if the study asks for UDR.

    Raises:
        UsageError: If there is no such study.
        ValueError: If the scores of a run cannot be read.
    """
    opened = open_study(study, root)
    states = run_states(opened.manifest, opened.folder.root)
    udr = read_study_udr(opened.manifest, opened.folder.root, states)
    for sentence in missing_udr(opened.folder, len(udr.missing)):
        warnings.warn(sentence, stacklevel=2)
    return table_of(opened.manifest, opened.folder.root, states, udr)


def read_coverage(study: str | Path, root: str | Path = STUDIES) -> pd.DataFrame:
    """Return what a study's table covers, and what is missing from it, one row for each cell.

    Args:
        study: Name of a study, or the file that defines it.
        root: Folder of all studies.

    Returns:
        The columns that describe the cell, as in :func:`read_table`; ``num_seeds``, the number of its runs; and how
        many of them are ``done``, ``running``, ``failed``, ``diverged`` and ``waiting``.

    Raises:
        UsageError: If there is no such study.
    """
    opened = open_study(study, root)
    return coverage_of(opened.manifest, run_states(opened.manifest, opened.folder.root))


def table_of(manifest: Manifest, root: Path, states: Mapping[RunKey, RunState], udr: StudyUDR) -> pd.DataFrame:
    """Return the table of a study, as :func:`read_table`.

    Args:
        manifest: The study.
        root: Folder of all studies.
        states: The state of each run.
        udr: UDR of the runs, as far as it is up to date.
    """
    done = [key for key, state in states.items() if state.state == "done"]
    evaluation = manifest.evaluation.digest
    results = read_results(
        (evaluation_path(run_folder(root, *key), evaluation), udr.score_columns(*key)) for key in done
    )
    number_of_cell = {cell.identity: number for number, cell in enumerate(manifest.cells)}
    cells = _taken(cell_columns(manifest), [number_of_cell[cell] for cell, _ in done])
    cells["seed"] = pd.Series([seed for _, seed in done], dtype="int64")
    run = np.repeat(np.arange(len(done)), np.array(results.lengths, np.int64))  # number of each row's run
    quantities = _taken(_quantity_columns(results.quantities), results.quantity)
    numbers = pd.DataFrame(dict(zip(NUMBERS, results.numbers, strict=True)), copy=False)
    parts = [_taken(cells, run), quantities, numbers, _taken(_run_columns(results.runs), run)]
    return pd.concat(parts, axis=1)


def coverage_of(manifest: Manifest, states: Mapping[RunKey, RunState]) -> pd.DataFrame:
    """Return what is done of a study, as :func:`read_coverage`.

    Args:
        manifest: The study.
        states: The state of each run, in the order of the manifest.
    """
    names = np.array([state.state for state in states.values()], dtype=object)
    by_cell = names.reshape(len(manifest.cells), len(manifest.seeds))
    coverage = cell_columns(manifest)
    coverage["num_seeds"] = len(manifest.seeds)
    for name in STATES:
        coverage[name] = (by_cell == name).sum(axis=1)
    return coverage


def _taken(frame: pd.DataFrame, rows: ArrayLike) -> pd.DataFrame:
    return frame.take(np.asarray(rows, np.int64)).reset_index(drop=True)


def _quantity_columns(quantities: Sequence[Quantity]) -> pd.DataFrame:
    columns = {key: text_column([getattr(each, key) for each in quantities]) for key in Quantity._fields[:-1]}
    directions = pd.Series([each.higher_is_better for each in quantities], dtype="boolean")
    return pd.DataFrame(columns | {"higher_is_better": directions})


def _run_columns(runs: Sequence[EvaluationRecord]) -> pd.DataFrame:
    versions = [", ".join(f"{name} {version}" for name, version in run.versions.items()) for run in runs]
    return pd.DataFrame(
        {
            "training_seconds": pd.Series([run.training_seconds for run in runs], dtype="float64"),
            "evaluation_seconds": pd.Series([run.evaluation_seconds for run in runs], dtype="float64"),
            "step": pd.Series([run.step for run in runs], dtype="int64"),
            "threads": pd.Series([run.threads for run in runs], dtype="int64"),
            "precision": text_column([run.precision for run in runs]),
            "versions": text_column(versions),
        }
    )
