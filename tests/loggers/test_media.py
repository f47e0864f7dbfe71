"""Names and contents of figures and arrays, and the calls to each logger."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
import wandb
from matplotlib.figure import Figure
from PIL import Image
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.logger import DummyLogger

from lr_lightning.loggers import RunCSVLogger, RunWandbLogger
from lr_lightning.loggers.media import media_folder, save_arrays, save_figure, save_page, save_score_table, save_table
from lr_lightning.metrics.score_table import ScoreTable
from lr_lightning.testing.tiny_runs import RunFolder


class Recorded:
    """An object whose methods record their calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: self.calls.append((name, args, options))


class FakeWandb(WandbLogger):
    """A W&B logger whose run only records calls."""

    def __init__(self) -> None:
        self.run = Recorded()
        self.tables: list[dict[str, Any]] = []

    @property
    def experiment(self) -> Any:
        """The recorded calls."""
        return self.run

    def log_table(self, key: str, **options: Any) -> None:  # type: ignore[override]
        """Record the table."""
        self.tables.append({"key": key, **options})


class FakeTensorBoard(TensorBoardLogger):
    """A TensorBoard logger whose writer only records calls."""

    def __init__(self) -> None:
        self.writer = Recorded()

    @property
    def experiment(self) -> Any:
        """The recorded calls."""
        return self.writer


def trainer(folder: Path, *loggers: Any, testing: bool = False) -> Trainer:
    """Return a stand-in for a Trainer in the validation after 40 steps, the last of which is number 39."""
    return cast(
        Trainer,
        SimpleNamespace(
            default_root_dir=str(folder),
            callbacks=[RunFolder()],
            loggers=list(loggers),
            state=SimpleNamespace(fn=SimpleNamespace(value="test" if testing else "fit")),
            global_step=40,
            fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace(_batches_that_stepped=39)),
        ),
    )


@pytest.mark.parametrize(("testing", "moment"), [(False, "step000040"), (True, "test")])
@pytest.mark.parametrize(
    ("key", "name"),
    [("assay/response_matrix/matrix", "response_matrix-matrix"), ("reconstruction", "reconstruction")],
)
def test_figure_file(tmp_path: Path, key: str, name: str, testing: bool, moment: str) -> None:
    save_figure(trainer(tmp_path, testing=testing), key, Figure(figsize=(2, 1)))
    [path] = (tmp_path / "figures").iterdir()
    assert path.name == f"{name}-{moment}.png"
    with Image.open(path) as image:
        assert image.size == (240, 120)  # at 120 dots per inch


def test_figure_is_logged_at_the_step_of_the_scalars(tmp_path: Path) -> None:
    loggers = FakeWandb(), FakeTensorBoard(), CSVLogger(tmp_path)
    figure = Figure(figsize=(2, 1))
    save_figure(trainer(tmp_path, *loggers), "assay/a/b", figure)
    [(method, (logged,), _)] = loggers[0].run.calls
    assert method == "log"
    assert logged["trainer/global_step"] == 39
    assert isinstance(logged["assay/a/b"], wandb.Image)
    assert loggers[1].writer.calls == [("add_figure", ("assay/a/b", figure), {"global_step": 39})]


@pytest.mark.parametrize(("testing", "moment"), [(False, "step000040"), (True, "test")])
def test_pages_are_saved_and_logged_as_they_are(tmp_path: Path, testing: bool, moment: str) -> None:
    page = "<!DOCTYPE html><html><head></head><p>é</p></html>"
    logger = FakeWandb()
    save_page(trainer(tmp_path, logger, testing=testing), "assay/explorer/page", page)
    [path] = (tmp_path / "pages").iterdir()
    assert path.name == f"explorer-page-{moment}.html"
    assert path.read_text() == page
    [(_, (logged,), _)] = logger.run.calls
    assert logged["assay/explorer/page"].html == page  # without a style sheet of W&B
    assert logged["trainer/global_step"] == 39


def test_tables_are_logged_to_wandb_only(tmp_path: Path) -> None:
    loggers = FakeWandb(), FakeTensorBoard()
    save_table(trainer(tmp_path, *loggers), "assay/a/b", ["latent", "kl"], [["0", 0.5]])
    assert loggers[0].tables == [{"key": "assay/a/b", "columns": ["latent", "kl"], "data": [["0", 0.5]], "step": 39}]
    assert loggers[1].writer.calls == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("testing", "moment"), [(False, "step000040"), (True, "test")])
def test_arrays_round_trip(tmp_path: Path, testing: bool, moment: str) -> None:
    matrix = torch.rand(3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    counts = torch.tensor([2**40, -1])
    save_arrays(trainer(tmp_path, testing=testing), "assay/response_matrix", {"matrix": matrix, "counts": counts})
    with np.load(tmp_path / "assays" / f"response_matrix-{moment}.npz", allow_pickle=False) as file:
        assert sorted(file.files) == ["counts", "matrix"]
        np.testing.assert_array_equal(file["matrix"], matrix.detach().numpy())
        np.testing.assert_array_equal(file["counts"], counts.numpy())
        assert (file["matrix"].dtype, file["counts"].dtype) == (np.float32, np.int64)


def test_files_of_a_run_are_in_its_folder(tmp_path: Path) -> None:
    assert media_folder(trainer(tmp_path, CSVLogger("logs"))) == tmp_path


@pytest.mark.parametrize(
    ("make", "folder"),
    [
        (lambda: [CSVLogger("logs")], "logs/lightning_logs/version_0"),
        (lambda: [TensorBoardLogger("logs", name="a", version="b")], "logs/a/b"),
        (lambda: [WandbLogger(save_dir="logs", project="p", version="abc")], "logs/p/abc"),
        (lambda: [RunCSVLogger("run")], "run"),
        (lambda: [RunWandbLogger("run")], "run"),
        (lambda: [DummyLogger(), CSVLogger("logs", version=3)], "logs/lightning_logs/version_3"),
        (lambda: [DummyLogger()], "."),
    ],
)
def test_files_are_in_the_folder_of_the_first_logger(
    tmp_path: Path, make: Callable[[], list[Any]], folder: str
) -> None:
    own = trainer(tmp_path, *make())  # its folder is the working folder
    own.callbacks.clear()  # type: ignore[attr-defined]
    found = media_folder(own)
    assert found is None if folder == "." else found is not None and found.absolute() == tmp_path / folder


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    own = trainer(tmp_path)
    own.callbacks.clear()  # type: ignore[attr-defined]
    save_figure(own, "assay/a/b", Figure(figsize=(2, 1)))
    save_arrays(own, "assay/a", {"matrix": torch.zeros(2)})
    save_score_table(own, "assay/a", ScoreTable((), {}))
    assert list(tmp_path.iterdir()) == []
    own = trainer(tmp_path / "chosen")
    own.callbacks.clear()  # type: ignore[attr-defined]
    save_arrays(own, "assay/a", {"matrix": torch.zeros(2)})
    assert [path.name for path in (tmp_path / "chosen").iterdir()] == ["assays"]
