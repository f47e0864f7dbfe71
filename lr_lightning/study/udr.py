"""Compares the runs of each cell of a study by UDR, without labels."""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from lr_lightning.common.cores import num_cores
from lr_lightning.study.layout import codes_path, run_folder, udr_path
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.udr_file import CellUDR, StudyUDR, write_udr

if TYPE_CHECKING:
    from torch import Tensor

    from lr_lightning.metrics.udr import Similarity

_SIMILARITIES: tuple["Similarity", ...] = ("lasso", "spearman")
_PAIRS_PER_PROCESS = 3000
"""Fewer are compared faster than another process imports PyTorch."""


@dataclass(frozen=True)
class _Comparison:
    """The runs of a cell that are compared, and where the result is written; it can be pickled."""

    label: str
    path: Path
    codes: tuple[Path, ...]
    finished: Mapping[int, float]


def update_udr(
    manifest: Manifest,
    root: Path,
    udr: StudyUDR,
    *,
    processes: int | None = None,
    tell: Callable[[int, int], object] | None = None,
) -> list[str]:
    """Compute and write UDR of the cells that lack it.

    Another process may do the same at the same time: both write the same numbers.

    Args:
        manifest: The study.
        root: Folder of all studies.
        udr: What there is already.
        processes: Number of processes; as many as there are cores by default. Fewer are used if there is little to do.
        tell: Called with the number of cells done and their total.

    Returns:
        Why cells could not be compared, a sentence each.
    """
    from joblib import Parallel, delayed, parallel_config

    labels = {cell.identity: cell.label for cell in manifest.cells}
    comparisons = [
        _Comparison(
            labels[cell],
            udr_path(root, cell, manifest.evaluation.digest, manifest.seeds).absolute(),
            tuple(codes_path(run_folder(root, cell, seed), manifest.evaluation.digest).absolute() for seed in finished),
            finished,
        )
        for cell, finished in udr.missing.items()
    ]
    pairs = sum(len(each.codes) ** 2 for each in comparisons)
    useful = max(1, min(len(comparisons), math.ceil(pairs / _PAIRS_PER_PROCESS)))
    sentences = []
    with parallel_config("loky", n_jobs=min(processes or num_cores(), useful), inner_max_num_threads=1):
        for done, sentence in enumerate(Parallel(return_as="generator")(map(delayed(_compare), comparisons)), start=1):
            sentences += [sentence] if sentence else []
            if tell is not None:
                tell(done, len(comparisons))
    return sentences


def _compare(comparison: _Comparison) -> str:
    """Compare the runs of a cell, and write the result; return why that failed, empty if it did not."""
    try:
        write_udr(comparison.path, compare_runs(comparison.codes, comparison.finished))
    except (OSError, ValueError) as error:
        return f"UDR of {comparison.label}: {error}"
    return ""


def compare_runs(codes: tuple[Path, ...], finished: Mapping[int, float]) -> CellUDR:
    """Return UDR of runs of one cell.

    Latents of VAEs are compared if their mean divergence from the prior is above .01 nats, those of deterministic
    autoencoders if the variance of their codes is above .01.

    Args:
        codes: Files with the codes of the same inputs.
        finished: When each run had been evaluated, by seed, in the same order.

    Raises:
        ValueError: If a file is damaged, or the inputs differ.
    """
    from lr_lightning.losses.kl import gaussian_kl
    from lr_lightning.metrics.udr import unsupervised_disentanglement_ranking

    tables = [_read(path) for path in codes]
    for path, table in zip(codes, tables, strict=True):
        if not table["indices"].equal(tables[0]["indices"]):
            raise ValueError(f"the inputs of {path} are not those of {codes[0]}; remove both, and run the study again")
    means = [table["codes"] for table in tables]
    divergences = [
        gaussian_kl(table["codes"].double(), table["log_variances"].double()).mean(dim=0)
        for table in tables
        if "log_variances" in table
    ]
    scores: dict[str, list[float | None]] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "udr is undefined")  # such a run has no value in the table
        for similarity in _SIMILARITIES:
            found = unsupervised_disentanglement_ranking(means, kl_of_models=divergences or None, similarity=similarity)
            scores[similarity] = [None if math.isnan(score) else score for score in found.scores.tolist()]
    return CellUDR(dict(finished), len(means[0]), scores["lasso"], scores["spearman"])


def _read(path: Path) -> dict[str, "Tensor"]:
    """Return codes, log-variances and indices; without the package of runs, whose import takes each process seconds."""
    import numpy as np
    import torch

    try:
        with np.load(path, allow_pickle=False) as file:
            names = ["codes", "indices", *({"log_variances"} & set(file))]
            return {name: torch.from_numpy(file[name]) for name in names}
    except (BadZipFile, EOFError, KeyError, OSError, ValueError) as error:
        raise ValueError(f"{path} has no readable codes ({error}); remove it, and run the study again") from error
