"""The codes of one complete pass over the validation or test set, shared by all assays."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override


class CodeTable(NamedTuple):
    """Codes and factors of all samples of the validation or test set, on the CPU.

    Attributes:
        codes: Posterior means, or the codes of a deterministic model, ``(N, D)`` float32.
        log_variances: Logarithms of the posterior variances ``(N, D)``; ``None`` for a deterministic model.
        factors: Ground-truth factor values ``(N, K)`` int64, K at least 1; ``None`` if the data have none.
    """

    codes: Tensor
    log_variances: Tensor | None
    factors: Tensor | None

    @property
    def is_finite(self) -> bool:
        """Whether all codes and log-variances are finite."""
        parts = (self.codes, self.log_variances)
        return all(bool(part.isfinite().all()) for part in parts if part is not None)


class CodeTableCollector(Callback):
    """Collects the outputs of ``validation_step`` or ``test_step`` into a :class:`CodeTable`, once for all assays.

    Assays add it to their Trainer themselves. It saves nothing
    in checkpoints, because each pass starts with an empty table.

    Attributes:
        num_observations: Number of observations to keep, the largest number that any assay needs.
    """

    def __init__(self) -> None:
        self.num_observations = 0
        self._observations: list[Tensor] = []
        self._outputs: list[
            list[dict[str, Tensor | None]]
        ] = []  # per batch, per model; empty for one that has diverged
        self._tables: dict[int, CodeTable] = {}

    def table(self, trainer: Trainer, member: int = 0) -> CodeTable:
        """Return the codes of all samples on all processes, in the order of the data set.

        Every process must call it.

        Args:
            trainer: The Trainer of this pass.
            member: Index of the model in an ensemble.

        Raises:
            ValueError: If there was no batch.
        """
        if member not in self._tables:
            if not self._outputs:
                raise ValueError("there are no codes: the validation or test set is empty")
            outputs = [models[member] for models in self._outputs]
            columns = {key: _concatenate([output[key] for output in outputs]) for key in outputs[0]}
            merged = {key: None if value is None else gather_rows(trainer, value) for key, value in columns.items()}
            codes = merged["codes"]
            assert codes is not None
            factors = merged["factors"]
            labeled = factors is not None and factors.numel() > 0
            self._tables[member] = CodeTable(codes.float(), merged["log_variances"], factors if labeled else None)
        return self._tables[member]

    def observations(self, trainer: Trainer, num_observations: int) -> Tensor:
        """Return the first observations of the data set ``(num_observations, ...)``, on the Trainer's device.

        Every process must call it.
        """
        if num_observations == 0 or not self._observations:
            return torch.empty(0)
        rows = gather_rows(trainer, torch.cat(self._observations)[:num_observations])
        return rows[:num_observations].to(trainer.strategy.root_device)

    @override
    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._clear()

    @override
    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._clear()

    @override
    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *indices: int
    ) -> None:
        if not trainer.sanity_checking:
            self._add(outputs, batch)

    @override
    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *indices: int
    ) -> None:
        self._add(outputs, batch)

    def _clear(self) -> None:
        self._observations, self._outputs, self._tables = [], [], {}

    def _add(self, outputs: Any, batch: Any) -> None:
        models = outputs if isinstance(outputs, list) else [outputs]  # an ensemble returns one entry per member
        present = (output is not None or models is not outputs for output in models)
        self._outputs.append([_on_cpu(output) if has else {} for output, has in zip(models, present, strict=True)])
        missing = self.num_observations - sum(map(len, self._observations))
        if missing > 0:
            self._observations.append(batch[0][:missing])


def _on_cpu(output: Any) -> dict[str, Tensor | None]:
    """Return the entries of a step's output that the table needs.

    Raises:
        TypeError: If the output is not a mapping with codes.
    """
    if not isinstance(output, dict) or "codes" not in output:
        raise TypeError(
            "assays need validation_step to return a dictionary with 'codes' (B, D) and, where known, "
            f"'log_variances' and 'factors', got {type(output).__name__}"
        )
    parts = {key: output.get(key) for key in ("codes", "log_variances", "factors")}
    return {key: None if value is None else value.detach().cpu() for key, value in parts.items()}


def _concatenate(parts: Sequence[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None


def gather_rows(trainer: Trainer, rows: Tensor) -> Tensor:
    """Interleave the rows of all processes: process ``r`` of ``n`` has rows ``r``, ``r + n``, ... of the set."""
    if trainer.world_size == 1:
        return rows
    device = trainer.strategy.root_device
    counts = trainer.strategy.all_gather(torch.tensor(len(rows), device=device)).tolist()
    padded = rows.new_zeros(max(counts), *rows.shape[1:])
    padded[: len(rows)] = rows
    gathered = trainer.strategy.all_gather(padded.to(device)).cpu()  # (world size, longest, ...)
    interleaved = gathered.transpose(0, 1).flatten(0, 1)
    return interleaved[: sum(counts)]
