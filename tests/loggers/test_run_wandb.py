"""When W&B goes online, and what it does without a login or a network."""

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import wandb
from pytorch_lightning.utilities import rank_zero_only

from lr_lightning.loggers import RunWandbLogger
from lr_lightning.loggers.run_wandb import WandbMode

KEY = "0123456789" * 4


class Server:
    """Stands in for ``wandb.init``; says what it was called with, and fails as often as told.

    Args:
        failures: What the first calls raise.
    """

    def __init__(self, *failures: Exception) -> None:
        self.calls: list[dict[str, Any]] = []
        self.failures = list(failures)
        self.teardowns = 0

    def init(self, **options: Any) -> Any:
        """Record ``options`` and return a run, or raise."""
        self.calls.append(options)
        if self.failures:
            raise self.failures.pop(0)
        return SimpleNamespace(offline=options["mode"] == "offline", dir="w/wandb/run/files")

    def teardown(self) -> None:
        """Count."""
        self.teardowns += 1

    @property
    def modes(self) -> list[str]:
        """Mode of each call."""
        return [call["mode"] for call in self.calls]


@pytest.fixture(autouse=True)
def logged_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take away mode, key and the files of a login."""
    wandb.teardown()
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    yield
    wandb.finish()
    wandb.teardown()  # forgets the key


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return replace(monkeypatch)


def replace(monkeypatch: pytest.MonkeyPatch, *failures: Exception) -> Server:
    server = Server(*failures)
    monkeypatch.setattr(wandb, "init", server.init)
    monkeypatch.setattr(wandb, "teardown", server.teardown)
    return server


def test_is_offline_without_a_login(server: Server) -> None:
    _ = RunWandbLogger("w").experiment
    assert server.modes == ["offline"]


def test_is_online_with_a_key_in_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    _ = RunWandbLogger("w").experiment
    assert server.modes == ["online"]


def test_is_online_with_a_key_in_the_login_file(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine api.wandb.ai\n  login user\n  password {KEY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("WANDB_BASE_URL", "https://api.wandb.ai")
    _ = RunWandbLogger("w").experiment
    assert server.modes == ["online"]


@pytest.mark.parametrize("environment", ["online", "offline", "disabled"])
@pytest.mark.parametrize("key", [None, KEY])
def test_environment_wins_over_the_login(
    server: Server, monkeypatch: pytest.MonkeyPatch, environment: str, key: str | None
) -> None:
    monkeypatch.setenv("WANDB_MODE", environment)
    if key:
        monkeypatch.setenv("WANDB_API_KEY", key)
    _ = RunWandbLogger("w").experiment
    assert server.modes == [environment]


@pytest.mark.parametrize("environment", ["online", "offline", "disabled"])
@pytest.mark.parametrize("mode", ["online", "offline", "disabled"])
def test_explicit_mode_wins_over_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch, environment: str, mode: WandbMode
) -> None:
    monkeypatch.setenv("WANDB_MODE", environment)
    _ = RunWandbLogger("w", mode=mode).experiment
    assert server.modes == [mode]


@pytest.mark.parametrize(
    "error",
    [
        wandb.errors.CommError("no route to host\nlong story"),
        wandb.errors.UsageError("api_key not configured"),
        wandb.errors.CommError(""),
    ],
)
def test_goes_offline_once_when_the_server_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    server = replace(monkeypatch, error)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    logger = RunWandbLogger("w", run_id="abc", timeout=3.0)
    with caplog.at_level(logging.INFO):
        run = logger.experiment
    assert server.modes == ["online", "offline"]
    assert server.teardowns == 1
    assert [call["id"] for call in server.calls] == ["abc", "abc"]
    assert server.calls[0]["settings"].init_timeout == 3.0
    reason = str(error).split("\n")[0] or "CommError"
    assert f"W&B: no connection ({reason}); this run is logged offline." in caplog.messages
    assert logger.experiment is run
    assert len(server.calls) == 2


def test_key_of_the_wrong_form_lets_the_server_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    server = replace(monkeypatch, wandb.errors.AuthenticationError("API key must have 40+ characters, has 3."))
    monkeypatch.setenv("WANDB_API_KEY", "abc")
    _ = RunWandbLogger("w").experiment
    assert server.modes == ["online", "offline"]


def test_explicit_online_does_not_hide_that_the_server_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    server = replace(monkeypatch, wandb.errors.CommError("no route to host"))
    with pytest.raises(wandb.errors.CommError, match="no route to host"):
        _ = RunWandbLogger("w", mode="online", timeout=3.0).experiment
    assert server.modes == ["online"]
    assert server.teardowns == 0
    assert server.calls[0]["settings"].init_timeout != 3.0  # as patient as W&B itself


def test_failure_to_start_offline_is_not_tried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    server = replace(monkeypatch, wandb.errors.CommError("disk full"))
    with pytest.raises(wandb.errors.CommError, match="disk full"):
        _ = RunWandbLogger("w").experiment
    assert server.modes == ["offline"]


def test_hands_over_what_the_run_is_called(server: Server, tmp_path: Path) -> None:
    logger = RunWandbLogger("w", "project", "name", "entity", "abc", ["tag"])
    _ = logger.experiment
    [call] = server.calls
    wanted = {"project": "project", "name": "name", "entity": "entity", "id": "abc", "tags": ["tag"]}
    assert {key: call[key] for key in wanted} == wanted
    assert "anonymous" not in call  # W&B warns of it
    assert call["dir"] == str(tmp_path / "w")
    assert (tmp_path / "w").is_dir()


def test_only_the_first_process_starts_a_run(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    RunWandbLogger("w").experiment.log({"a": 1.0})  # goes nowhere
    assert server.calls == []
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("mode", ["online", "disabled"])
def test_there_is_nothing_to_sync_unless_offline(server: Server, mode: WandbMode) -> None:
    logger = RunWandbLogger("w", mode=mode)
    assert logger.folder is None
    _ = logger.experiment
    assert logger.folder is None


def test_offline_run_of_w_and_b_itself_lies_in_the_run_folder(tmp_path: Path) -> None:
    logger = RunWandbLogger("w", run_id="abc")
    logger.log_metrics({"train/loss": 1.0}, step=3)
    folder = cast(Path, logger.folder)
    assert folder.parent == tmp_path / "w" / "wandb"
    assert folder.name.startswith("offline-run-")
    wandb.finish()
    assert (folder / "run-abc.wandb").stat().st_size > 0
