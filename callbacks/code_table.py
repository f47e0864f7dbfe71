"""The codes of one whole validation pass, which every assay and metric reads."""

from typing import Any, NamedTuple

import torch
from pytorch_lightning import Trainer
from torch import Tensor


class CodeTable(NamedTuple):
    """What one pass over the validation or test set says about each sample, on the CPU.

    Attributes:
        codes: Posterior means, or the codes of a deterministic model, ``(N, D)`` float32.
        log_variances: Logarithms of the posterior variances ``(N, D)``, ``None`` for a deterministic model.
        factors: Ground-truth factor values ``(N, K)`` int64, ``None`` if the data have none.
    """

    codes: Tensor
    log_variances: Tensor | None
    factors: Tensor | None

    @property
    def is_finite(self) -> bool:
        """Whether all codes and log-variances are finite numbers."""
        parts = (self.codes, self.log_variances)
        return all(bool(part.isfinite().all()) for part in parts if part is not None)


class CodeTableCollector:
    """Gathers the outputs of ``validation_step`` into a :class:`CodeTable`, once for all callbacks."""

    def __init__(self) -> None:
        self._outputs: list[dict[str, Tensor | None]] = []
        self._table: CodeTable | None = None

    def add(self, outputs: Any) -> None:
        """Add the outputs of one step, a mapping with ``codes``, ``log_variances`` and ``factors``.

        Raises:
            TypeError: If the module returns something else.
        """
        if not isinstance(outputs, dict) or "codes" not in outputs:
            raise TypeError(
                "assays need validation_step to return a dictionary with 'codes' (B, D) and, where known, "
                f"'log_variances' and 'factors', got {type(outputs).__name__}"
            )
        moved = {key: outputs.get(key) for key in ("codes", "log_variances", "factors")}
        self._outputs.append({key: None if value is None else value.detach().cpu() for key, value in moved.items()})
        self._table = None

    def table(self, trainer: Trainer) -> CodeTable:
        """Return the table of all samples, those of other processes included, in the order of the data set.

        Raises:
            ValueError: If no step has been seen.
        """
        if self._table is None:
            if not self._outputs:
                raise ValueError("there are no codes: the validation or test set is empty")
            columns = {key: _concatenate([out[key] for out in self._outputs]) for key in self._outputs[0]}
            merged = {key: None if value is None else gather_rows(trainer, value) for key, value in columns.items()}
            codes = merged["codes"]
            assert codes is not None
            self._table = CodeTable(codes.float(), merged["log_variances"], merged["factors"])
        return self._table


def _concatenate(parts: list[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None


def gather_rows(trainer: Trainer, rows: Tensor) -> Tensor:
    """Interleave the rows of all processes: process ``r`` of ``n`` holds rows ``r``, ``r + n``, ... of the set."""
    if trainer.world_size == 1:
        return rows
    device = trainer.strategy.root_device
    counts = trainer.strategy.all_gather(torch.tensor(len(rows), device=device)).tolist()
    padded = rows.new_zeros(max(counts), *rows.shape[1:])
    padded[: len(rows)] = rows
    gathered = trainer.strategy.all_gather(padded.to(device)).cpu()  # (world size, longest, ...)
    interleaved = gathered.transpose(0, 1).flatten(0, 1)
    return interleaved[: sum(counts)]
