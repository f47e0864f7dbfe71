"""``metrics.csv`` in the run folder, continued when a run is resumed."""

import csv
import warnings
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter
from pytorch_lightning.utilities import rank_zero_only
from typing_extensions import override


class RunCSVLogger(CSVLogger):
    """Lightning's CSV logger, writing ``metrics.csv`` straight into the run folder and never deleting one there.

    Args:
        save_dir: The run folder.
        resume_step: Keep the rows up to this step and drop later ones, which a resumed run writes again;
            ``None`` keeps all.
    """

    def __init__(self, save_dir: str | Path, resume_step: int | None = None) -> None:
        super().__init__(save_dir, name="", version="")
        self.resume_step = resume_step

    @property
    @override
    def experiment(self) -> ExperimentWriter:
        """The writer, which on first use takes over the rows of an earlier start of this run."""
        if self._experiment is None and rank_zero_only.rank == 0:  # type: ignore[attr-defined]
            rows = self._earlier_rows()
            with warnings.catch_warnings():  # of deleting what has just been taken over
                warnings.filterwarnings("ignore", message="Experiment logs directory .* exists and is not empty")
                writer: ExperimentWriter = super().experiment
            for row in rows:
                step = int(row.pop("step"))
                kept: dict[str, Any] = {key: value for key, value in row.items() if value}  # as they were written
                writer.log_metrics(kept, step=step)
            writer.save()  # at once: a run killed before its own first row must not lose those of earlier ones
            return writer
        current: ExperimentWriter = super().experiment
        return current

    def _earlier_rows(self) -> list[dict[str, str]]:
        path = Path(self.save_dir) / ExperimentWriter.NAME_METRICS_FILE
        if not path.is_file():
            return []
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        path.rename(path.with_suffix(".csv.previous"))
        whole = [row for row in rows if None not in row.values()]  # a killed run may leave half a line
        return [row for row in whole if self.resume_step is None or int(row["step"]) <= self.resume_step]
