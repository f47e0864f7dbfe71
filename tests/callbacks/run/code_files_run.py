"""Run by ``test_code_files``: encodes on two processes, the whole set and a part of it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from lr_lightning.callbacks import CodeFiles
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.conftest import Bars


def main(folder: Path) -> None:
    """Write the codes of 13 observations, and of 20 out of 48."""
    for name, test_size, limit in (("all", 13, None), ("some", None, 2)):
        trainer = tiny_trainer(folder, CodeFiles(folder / name), devices=2, strategy="ddp", limit_predict_batches=limit)
        trainer.predict(tiny_model(), datamodule=tiny_data(Bars(), test_size=test_size), return_predictions=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
