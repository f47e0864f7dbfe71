"""Run by ``test_code_files``: encodes on two processes, the whole set and a part of it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from lr_lightning.callbacks import CodeFiles
from lr_lightning.metrics.core.sample import Codes
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.conftest import Bars

RUNS: tuple[tuple[str, int | None, int | None, Codes], ...] = (
    ("all", 13, None, "mean"),
    ("some", None, 2, "mean"),
    ("sampled", None, 2, "sample"),
)
"""Folder, size of the test set, batches of each process, and what is written."""


def main(folder: Path) -> None:
    """Write the codes of 13 observations, and of 20 out of 48, the latter also as posterior samples."""
    for name, test_size, limit, codes in RUNS:
        files = CodeFiles(folder / name, codes=codes)
        trainer = tiny_trainer(folder, files, devices=2, strategy="ddp", limit_predict_batches=limit)
        trainer.predict(tiny_model(), datamodule=tiny_data(Bars(), test_size=test_size), return_predictions=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
