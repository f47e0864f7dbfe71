"""Writes the codes of a data set to files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from lr_lightning.callbacks.posteriors import check_posteriors
from lr_lightning.callbacks.sharding import gather_objects
from lr_lightning.common.checks import NO_POSTERIORS, check_at_least, check_choice
from lr_lightning.common.files import write_atomically
from lr_lightning.data.dataset import FactorBatch
from lr_lightning.data.drawing.counter_random import random_normals
from lr_lightning.data.loading.batch_loader import BatchLoader
from lr_lightning.metrics.core.sample import CODES, Codes
from lr_lightning.training.member_statistics import seed_name
from lr_lightning.training.noise import step_seed


class CodeFiles(Callback):
    """Writes the output of ``predict_step`` to ``codes.npz``, or ``codes_seed_<s>.npz`` for each seed of an ensemble.

    The arrays are ``codes`` (N, D) float32 and, where known, ``log_variances`` (N, D) float32, ``factors`` (N, K) int64
    and ``indices`` (N,) int64, the index of each observation in the data set. With several processes, each encodes its
    share, and rank 0 writes all rows, in the same order as a single process.

    The codes are posterior means, or one sample from each posterior. A file of samples has no ``log_variances``, but
    ``sample_seed``, an int64 scalar. The noise of an observation depends only on that seed and on its index: not on the
    size of batches, the number of processes or which other observations are encoded.

    Args:
        folder: Folder to write to.
        seeds: The seeds of an ensemble, ``None`` for a single model.
        codes: ``"mean"`` or ``"sample"``.
        sample_seed: Seed of the samples, not negative; all members of an ensemble have the same noise.

    Raises:
        ValueError: If ``codes`` is unknown or ``sample_seed`` negative; at the start of a run, if posteriors of a
            deterministic autoencoder are to be sampled.
    """

    def __init__(
        self, folder: Path, seeds: Sequence[int] | None = None, codes: Codes = "mean", sample_seed: int = 0
    ) -> None:
        check_choice("codes", codes, CODES)
        check_at_least("sample_seed", sample_seed, 0)
        self.folder = folder
        self.codes: Codes = codes
        self.sample_seed = sample_seed
        self.names = ["codes.npz"] if seeds is None else [f"codes_{seed_name(seed)}.npz" for seed in seeds]
        self._outputs: list[list[dict[str, Tensor | None]]] = []
        self._factors: list[Tensor] = []

    @override
    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.codes == "sample":
            check_posteriors(pl_module)
        self._outputs, self._factors = [[] for _ in self.names], []

    @override
    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        for collected, own in zip(self._outputs, outputs if isinstance(outputs, list) else [outputs], strict=True):
            collected.append({name: None if value is None else value.cpu() for name, value in own.items()})
        if isinstance(batch, FactorBatch) and batch.factors.shape[1]:  # none for data without labels
            self._factors.append(batch.factors.cpu())

    @override
    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for name, collected in zip(self.names, self._outputs, strict=True):
            shares = [share for share in gather_objects(self._arrays(trainer, collected), trainer.world_size) if share]
            if trainer.is_global_zero:
                self._write(self.folder / name, shares)

    def _arrays(self, trainer: Trainer, collected: Sequence[dict[str, Tensor | None]]) -> dict[str, np.ndarray]:
        """Return the rows of this process, empty if it had none."""
        columns = {"codes": _joined(collected, "codes"), "log_variances": _joined(collected, "log_variances")}
        arrays = {name: column.float().numpy() for name, column in columns.items() if column is not None}
        if self._factors:
            arrays["factors"] = torch.cat(self._factors).numpy()
        loader = trainer.predict_dataloaders
        if arrays and isinstance(loader, BatchLoader):
            arrays["indices"] = loader.indices[loader.rank :: loader.world_size][: len(arrays["codes"])].cpu().numpy()
        return arrays

    def _write(self, path: Path, shares: Sequence[dict[str, np.ndarray]]) -> None:
        """Merge and write the rows of all processes; each has every n-th row of the data set.

        Raises:
            ValueError: If there are no rows, or no posteriors to sample.
        """
        if not shares:
            raise ValueError("there is nothing to encode; increase trainer.limit_predict_batches, or use other data")
        arrays = {name: _interleaved([share[name] for share in shares]) for name in shares[0]}
        if self.codes == "sample":
            arrays = _sampled(arrays, self.sample_seed)
        write_atomically(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]
        codes = arrays["codes"]
        what = "posterior samples" if self.codes == "sample" else "codes"
        print(f"{len(codes):,} {what} of {codes.shape[1]} latents: {path}")


def _sampled(arrays: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Return the arrays with a sample from each posterior in place of its mean and variance.

    Raises:
        ValueError: If there are no log-variances.
    """
    means, log_variances = arrays["codes"], arrays.get("log_variances")
    if log_variances is None:
        raise ValueError(NO_POSTERIORS)
    indices = torch.from_numpy(arrays.get("indices", np.arange(len(means))))
    # scattered, since images drawn with the same seed and indices would have the same random words
    noise = random_normals(step_seed(seed, 0), indices, means.shape[1]).numpy()
    codes = (means + np.exp(log_variances.astype(np.float64) / 2) * noise).astype(np.float32)
    kept = {name: array for name, array in arrays.items() if name != "log_variances"}
    return {**kept, "codes": codes, "sample_seed": np.array(seed)}


def _joined(outputs: Sequence[dict[str, Tensor | None]], name: str) -> Tensor | None:
    parts = [part for output in outputs if (part := output[name]) is not None]
    return torch.cat(parts) if parts else None


def _interleaved(shares: Sequence[np.ndarray]) -> np.ndarray:
    """Merge the rows of ``n`` processes, where process ``r`` has rows ``r``, ``r + n``, ..."""
    rows = np.empty((sum(map(len, shares)), *shares[0].shape[1:]), shares[0].dtype)
    for rank, share in enumerate(shares):
        rows[rank :: len(shares)] = share
    return rows
