"""Short runs for tests of assays."""

from pathlib import Path

import pytest

from lr_lightning.configs import CONFIG_FOLDER
from tests.commands.assay.reports import run

QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu"]
TINY = ["--trainer.max_epochs=1", "--data.batches_per_epoch=4", "--trainer.logger=false", *QUIET]


@pytest.fixture(scope="session")
def helix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run on points."""
    folder = tmp_path_factory.mktemp("runs") / "helix"
    options = ["--data.dataset.num_samples=1152", "--data.val_size=64", "--assays={}"]
    assert run("fit", f"--config={CONFIG_FOLDER / 'helix.yaml'}", *options, *TINY, place(folder)) == 0
    return folder


@pytest.fixture(scope="session")
def bars_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run on 48 images with three factors."""
    folder = tmp_path_factory.mktemp("runs") / "bars"
    network = ["--model.network=MLP", "--model.network.observation_shape=[3,8,8]", "--model.network.latent_dim=3"]
    data = ["--data.dataset=tests.conftest.Bars", "--data.val_size=24", "--data.batch_size=8", "--assays={}"]
    assert run("fit", "--config=quickstart_unsupervised", *network, *data, *TINY, place(folder)) == 0
    return folder


def place(folder: Path) -> str:
    return f"--trainer.default_root_dir={folder}"
