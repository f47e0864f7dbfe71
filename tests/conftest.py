"""Settings and fixtures shared by all tests. Tests download nothing and contact no server."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

# Set before torch is imported: on a shared machine, OpenMP threads spend most of their time waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_ERROR_REPORTING"] = "false"
os.environ["WANDB_SILENT"] = "true"
# For processes that tests start with functions of test modules; last, so that an installed package comes first.
sys.path.append(str(Path(__file__).parents[1]))

import pytest
from hypothesis import HealthCheck, settings

from lr_lightning.testing.bars import Bars as Bars
from tests.extras import check_packages
from tests.file_server import FileServer, serve

settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
# Shells start background jobs with SIGINT ignored, which tests of Ctrl-C and their processes would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before fixtures, which may import the packages
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("extra"):
        check_packages(*marker.args)


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


@pytest.fixture
def bars() -> Bars:
    return Bars()
