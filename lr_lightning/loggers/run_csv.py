"""Logs to ``metrics.csv`` in the run folder, and continues it when a run is resumed."""

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.core.saving import save_hparams_to_yaml
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter
from pytorch_lightning.loggers.logger import rank_zero_experiment  # type: ignore[attr-defined]
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor
from typing_extensions import override

from lr_lightning.common.files import flush_to_disk, replaced_atomically
from lr_lightning.loggers.metrics_file import read_metrics


class RunCSVLogger(CSVLogger):
    """Lightning's CSV logger, writing ``metrics.csv`` directly to the run folder without ever losing a row.

    Rows are appended. If a quantity is new or a resumed run drops rows, the whole file is written under a temporary
    name and renamed. Rows are flushed to disk with each checkpoint.

    Args:
        save_dir: The run folder.
        resume_step: Keep rows up to this step and drop later ones, which a resumed run writes again; ``None`` keeps
            all.
    """

    def __init__(self, save_dir: str | Path, resume_step: int | None = None) -> None:
        super().__init__(save_dir, name="", version="")
        self.resume_step = resume_step

    @property
    @rank_zero_experiment
    @override
    def experiment(self) -> ExperimentWriter:
        """The writer; on first use, it reads the rows of earlier starts of this run."""
        if self._experiment is None:
            self._experiment = _MetricsWriter(self.log_dir, self.resume_step)
        return self._experiment  # type: ignore[return-value]

    @override
    @rank_zero_only
    def log_metrics(  # type: ignore[override]  # as in Lightning
        self, metrics: dict[str, Tensor | float], step: int | None = None
    ) -> None:
        """Log ``metrics`` as a row, and write it to the file at once."""
        super().log_metrics(metrics, step)
        self.save()

    @override
    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Flush the rows to disk: a checkpoint must not outlive the rows before it."""
        path = Path(self.experiment.metrics_file_path)
        if path.is_file():
            flush_to_disk(path)


class _MetricsWriter(ExperimentWriter):
    """Lightning's writer, which only appends to an existing file or replaces it as a whole."""

    def __init__(self, log_dir: str, resume_step: int | None) -> None:
        super().__init__(log_dir)
        self._path = Path(self.metrics_file_path)
        earlier = read_metrics(self._path, resume_step)
        self.metrics_keys = earlier.columns
        if earlier.has_dropped_lines:
            self._replace(earlier.columns, earlier.rows)

    @override
    def log_hparams(self, params: dict[str, Any]) -> None:
        self.hparams.update(params)
        with replaced_atomically(Path(self.log_dir) / self.NAME_HPARAMS_FILE) as unfinished:
            save_hparams_to_yaml(unfinished, self.hparams)

    @override
    def save(self) -> None:
        if not self.metrics:
            return
        columns = sorted({*self.metrics_keys}.union(*self.metrics))
        if columns != self.metrics_keys or not self._path.is_file():
            self._replace(columns, [*read_metrics(self._path).rows, *self.metrics])
        else:
            self._append()
        self.metrics = []

    def _replace(self, columns: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
        with replaced_atomically(self._path) as unfinished, unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        self.metrics_keys = columns

    def _append(self) -> None:
        size = self._path.stat().st_size
        try:
            with self._path.open("a", newline="") as file:
                csv.DictWriter(file, self.metrics_keys).writerows(self.metrics)
        except OSError:
            os.truncate(self._path, size)  # an incomplete line would corrupt the next one
            raise

    @override
    def _check_log_dir_exists(self) -> None:
        """Keep the content of the folder, which Lightning's writer would delete."""
