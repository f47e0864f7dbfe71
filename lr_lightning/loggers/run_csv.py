"""``metrics.csv`` in the run folder, continued when a run is resumed."""

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
    """Lightning's CSV logger, writing ``metrics.csv`` straight into the run folder and never losing a row there.

    Rows are appended. Where that is not enough, since a quantity is new or a resumed run drops rows, the whole file is
    written beside the old one and renamed. Rows are on the disk with each checkpoint.

    Args:
        save_dir: The run folder.
        resume_step: Keep the rows up to this step and drop later ones, which a resumed run writes again;
            ``None`` keeps all.
    """

    def __init__(self, save_dir: str | Path, resume_step: int | None = None) -> None:
        super().__init__(save_dir, name="", version="")
        self.resume_step = resume_step

    @property
    @rank_zero_experiment
    @override
    def experiment(self) -> ExperimentWriter:
        """The writer, which on first use takes over the rows of an earlier start of this run."""
        if self._experiment is None:
            self._experiment = _MetricsWriter(self.log_dir, self.resume_step)
        return self._experiment  # type: ignore[return-value]

    @override
    @rank_zero_only
    def log_metrics(  # type: ignore[override]  # as Lightning's own
        self, metrics: dict[str, Tensor | float], step: int | None = None
    ) -> None:
        """Log ``metrics`` as a row, which is in the file when this returns."""
        super().log_metrics(metrics, step)
        self.save()

    @override
    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Flush the rows to the disk: a checkpoint must not outlive the rows that led to it."""
        path = Path(self.experiment.metrics_file_path)
        if path.is_file():
            flush_to_disk(path)


class _MetricsWriter(ExperimentWriter):
    """Lightning's writer, which changes a file that is there only by appending to it or replacing it as a whole."""

    def __init__(self, log_dir: str, resume_step: int | None) -> None:
        super().__init__(log_dir)
        self._path = Path(self.metrics_file_path)
        earlier = read_metrics(self._path, resume_step)
        self.metrics_keys = earlier.columns
        if earlier.left_out:
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
            os.truncate(self._path, size)  # half a line would spoil the next one
            raise

    @override
    def _check_log_dir_exists(self) -> None:
        """Leave what is in the folder, which Lightning's would delete."""
