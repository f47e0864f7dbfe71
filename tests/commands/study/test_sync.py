"""``lr-lightning study sync`` against a stand-in for the W&B server."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import wandb

from lr_lightning.commands.study import sync
from lr_lightning.commands.study.command import main
from lr_lightning.loggers import RunWandbLogger
from lr_lightning.study import wandb_upload
from lr_lightning.study.layout import run_folder
from lr_lightning.study.wandb_parts import OfflinePart, offline_part
from lr_lightning.testing.synthetic_study import synthetic_manifest, write_synthetic_study
from tests.loggers.wandb_server import WandbServer

ROOT = Path("studies")
MANIFEST = synthetic_manifest(1, 1, 1, 4)
[CELL] = MANIFEST.cells
ROWS = {(4, 2.0), (9, 4.5)}


def end_wandb() -> None:
    """Forget W&B's run, its service and its login."""
    for end in (wandb.finish, wandb.teardown):
        with suppress(Exception):
            end()
        wandb.run = None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of four runs, of which the last is not done; the id of a run is the letter r and the seed."""
    root = tmp_path_factory.mktemp("made")
    write_synthetic_study(root, MANIFEST, [(CELL, seed) for seed in range(3)], num_scores=1)
    for seed in MANIFEST.seeds:
        folder = run_folder(root, CELL.identity, seed)
        options = {"mode": "offline", "run_id": f"r{seed}", "group": "synthetic", "name": f"{CELL.label} seed {seed}"}
        logger = RunWandbLogger(folder, **options)  # type: ignore[arg-type]
        logger.log_hyperparams({"model.beta": 1, "seed": seed})
        for step, loss in sorted(ROWS):
            logger.log_metrics({"train/loss": loss}, step=step)
        logger.finish()
    end_wandb()
    return root


@pytest.fixture
def server(made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """A server, and a copy of the study in the working folder."""
    shutil.copytree(made, ROOT)
    server = WandbServer()
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(sync, "_CONNECT", 0.5)
    yield server
    end_wandb()
    server.close()


def part(seed: int) -> OfflinePart:
    """Return the offline part of a run."""
    found = offline_part(run_folder(ROOT, CELL.identity, seed))
    assert found is not None
    return found


def uploaded() -> list[bool]:
    """Return for each run whether it is marked as uploaded."""
    return [part(seed).is_uploaded for seed in MANIFEST.seeds]


def rows(server: WandbServer, run: str) -> set[tuple[int, float]]:
    """Return step and loss of the rows of a run; W&B replaces rows that are sent again by their step."""
    return {(row["trainer/global_step"], row["train/loss"]) for row in server.histories[run].values()}


def test_runs_are_uploaded_once_and_failures_do_not_stop_them(
    server: WandbServer, capsys: pytest.CaptureFixture[str]
) -> None:
    content = part(1).log.read_bytes()
    part(1).log.write_bytes(content[:-20])
    assert main(["sync", "synthetic", "--jobs", "1"]) == 1
    said = capsys.readouterr()
    assert uploaded() == [True, False, True, False]
    assert "2 runs uploaded, 1 failed, 1 are not done yet" in said.out
    [line] = said.err.strip().splitlines()
    assert str(part(1).folder) in line
    assert "incomplete" in line
    for seed in (0, 2):
        assert rows(server, f"r{seed}") == ROWS
        run = server.runs[f"r{seed}"]
        assert (run["groupName"], run["displayName"]) == ("synthetic", f"{CELL.label} seed {seed}")
        assert '"model.beta"' in run["config"]
    part(1).log.write_bytes(content)
    server.uploads.clear()
    assert main(["sync", "synthetic"]) == 0
    assert set(server.uploads) == {"r1"}
    assert rows(server, "r1") == ROWS
    assert "1 runs uploaded, 2 had been uploaded before" in capsys.readouterr().out
    server.mode = "hang"
    assert main(["sync", "synthetic"]) == 0  # nothing is left, so that no server is needed
    assert os.environ["WANDB_MODE"] == "offline"


def test_an_interrupted_upload_goes_on_where_it_was(
    server: WandbServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def interrupting(title: str) -> Iterator[Callable[[int, int | None], None]]:
        def interrupt(done: int, total: int | None) -> None:
            raise KeyboardInterrupt

        yield interrupt

    with monkeypatch.context() as patch:
        patch.setattr(wandb_upload, "_BATCH", 1)
        patch.setattr(sync, "progress_bar", interrupting)
        assert main(["sync", "synthetic", "--jobs", "1"]) == 130
    assert uploaded() == [True, False, False, False]
    assert "1 of 3 W&B runs are uploaded" in capsys.readouterr().err
    server.uploads.clear()
    assert main(["sync", "synthetic", "--jobs", "2"]) == 0
    assert uploaded() == [True, True, True, False]
    assert set(server.uploads) == {"r1", "r2"}


@pytest.mark.parametrize("trouble", ["refuse", "hang", "500"])
def test_a_server_that_does_not_work_is_told_in_one_sentence(
    server: WandbServer, capsys: pytest.CaptureFixture[str], trouble: str
) -> None:
    if trouble == "refuse":
        server.close()
    server.mode = trouble
    assert main(["sync", "synthetic"]) == 1
    [line] = capsys.readouterr().err.strip().splitlines()
    assert server.url in line
    assert uploaded() == [False] * 4


def test_a_server_that_falls_silent_does_not_block(
    server: WandbServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.is_stuck = True
    assert main(["sync", "synthetic", "--timeout", "6", "--jobs", "3"]) == 1
    said = capsys.readouterr()
    assert len(said.err.strip().splitlines()) == 3
    assert all("6 s" in line for line in said.err.strip().splitlines())
    assert uploaded() == [False] * 4


def test_without_a_login_it_says_how_to_log_in(
    server: WandbServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("NETRC", "none")
    assert main(["sync", "synthetic"]) == 1
    assert "wandb login" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--jobs", "0"], ["--timeout", "-1"]])
def test_wrong_numbers_are_refused(server: WandbServer, capsys: pytest.CaptureFixture[str], option: list[str]) -> None:
    assert main(["sync", "synthetic", *option]) == 2
    assert option[0] in capsys.readouterr().err
