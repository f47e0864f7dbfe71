"""Settings and fixtures shared by all tests. Tests download nothing and contact no server."""

import os
from collections.abc import Iterator
from pathlib import Path

# Set before torch is imported: on a shared machine, OpenMP threads spend most of their time waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_ERROR_REPORTING"] = "false"
os.environ["WANDB_SILENT"] = "true"

import pytest
import torch
from torch import Tensor

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from tests.file_server import FileServer, serve


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in its own folder, which also holds W&B's files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "wandb_data"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "wandb_cache"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb_config"))


@pytest.fixture
def file_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server of the files in an empty folder."""
    monkeypatch.setenv("no_proxy", "*")
    with serve(tmp_path / "served") as server:
        yield server


class Bars(FactorDataset):
    """48 tiny images (3, 8, 8): every combination of color, row and column of a bar.

    Args:
        num_columns: Number of possible columns of a bar, at most 8.
    """

    def __init__(self, num_columns: int = 4) -> None:
        self.name = "bars"
        self.factor_space = FactorSpace(["colour", "row", "column"], [3, 4, num_columns])
        self.full_grid = True
        self.image_shape = (3, 8, 8)

    def __len__(self) -> int:
        return len(self.factor_space)

    def images(self, indices: Tensor) -> Tensor:
        """Return a bar, two pixels high and one pixel wide, on black."""
        images = torch.zeros(len(indices), 3, 8, 8, dtype=torch.uint8)
        for image, (color, row, column) in zip(images, self.factors(indices).tolist(), strict=True):
            image[color, 2 * row : 2 * row + 2, column] = 255
        return images

    def factors(self, indices: Tensor) -> Tensor:
        """Return color, row and column."""
        return self.factor_space.factors(indices)


@pytest.fixture
def bars() -> Bars:
    return Bars()
