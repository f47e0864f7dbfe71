"""Tidy tables of studies with known answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Run(NamedTuple):
    """What the scores of a run may depend on."""

    objective: int
    strength: int
    seed: int
    generator: np.random.Generator


DIRECTIONS: dict[str, bool | None] = {"loss": False, "kl": None}
"""Directions of the scores that are not better if they are higher."""


def study_table(
    draw: Callable[[Run], Mapping[str, float]],
    *,
    objectives: int = 3,
    strengths: int = 4,
    seeds: int = 5,
    datasets: Sequence[str] = ("Dots",),
    random_seed: int = 0,
) -> pd.DataFrame:
    """Return the table of a study with a full grid."""
    generator = np.random.default_rng(random_seed)
    rows = [
        {
            "dataset": dataset,
            "objective": f"Objective{objective}",
            "cell": f"{dataset}-{objective}-{strength}",
            "label": f"Objective{objective} strength={strength} {dataset}",
            "strength": float(strength),
            "seed": seed,
            "name": name,
            "value": value,
            "higher_is_better": DIRECTIONS.get(name, True),
        }
        for dataset in datasets
        for objective in range(objectives)
        for strength in range(strengths)
        for seed in range(seeds)
        for name, value in draw(Run(objective, strength, seed, generator)).items()
    ]
    table = pd.DataFrame(rows)
    return table.astype({"higher_is_better": "boolean", "dataset": "category", "name": "category", "cell": "category"})


def with_runs_without_scores(table: pd.DataFrame, num_seeds: int) -> pd.DataFrame:
    """Return a table of as many further seeds of each cell, which are not done."""
    waiting = [table.assign(seed=table["seed"] + 1000 * number, value=np.nan) for number in range(1, 1 + num_seeds)]
    return pd.concat([table, *waiting], ignore_index=True)


def of_values(values: NDArray[np.float64], names: Sequence[str], cells: int = 1) -> pd.DataFrame:
    """Return the table of studies with the given scores, each on its own data set.

    Args:
        values: Shape ``(N, K)``, or ``(R, N, K)`` for ``R`` data sets.
        names: Names of the scores.
        cells: Number of cells of equal size of each study.
    """
    stacked = values if values.ndim == 3 else values[None]
    dataset, run, score = (index.ravel() for index in np.indices(stacked.shape))
    cell = run // (stacked.shape[1] // cells)
    return pd.DataFrame(
        {
            "dataset": [f"Set{number}" for number in dataset],
            "objective": "VAE",
            "cell": [f"{number}-{place}" for number, place in zip(dataset, cell, strict=True)],
            "label": [f"VAE {place}" for place in cell],
            "strength": cell.astype(float),
            "seed": run % (stacked.shape[1] // cells),
            "name": np.array(names)[score],
            "value": stacked.ravel(),
            "higher_is_better": [DIRECTIONS.get(name, True) for name in np.array(names)[score]],
        }
    )
