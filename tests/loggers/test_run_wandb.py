"""When W&B is online, and its behavior without a login or network."""

import logging
import os
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

_KEPT = ("WANDB_ERROR_REPORTING", "WANDB_SILENT", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR")


class Server:
    """Stand-in for ``wandb.init`` that records its calls and fails a given number of times.

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
        offline = options["mode"] == "offline"
        return SimpleNamespace(offline=offline, dir="w/wandb/run/files", log=self.log, finish=lambda: None)

    def log(self, content: dict[str, Any], step: int) -> None:
        """Do nothing."""

    def teardown(self) -> None:
        """Count."""
        self.teardowns += 1

    @property
    def modes(self) -> list[str]:
        """Mode of each call."""
        return [call["mode"] for call in self.calls]


@pytest.fixture(autouse=True)
def logged_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remove mode, key and login files."""
    wandb.teardown()
    for name in [name for name in os.environ if name.startswith("WANDB_") and name not in _KEPT]:
        monkeypatch.delenv(name)
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
def test_goes_offline_if_the_server_does_not_respond(
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
    assert any(reason in message and "offline" in message for message in caplog.messages)
    assert logger.experiment is run
    assert len(server.calls) == 2


def test_malformed_key(monkeypatch: pytest.MonkeyPatch) -> None:
    server = replace(monkeypatch, wandb.errors.AuthenticationError("API key must have 40+ characters, has 3."))
    monkeypatch.setenv("WANDB_API_KEY", "abc")
    _ = RunWandbLogger("w").experiment
    assert server.modes == ["online", "offline"]


def test_explicit_online_fails_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    server = replace(monkeypatch, wandb.errors.CommError("no route to host"))
    with pytest.raises(ConnectionError, match=r"3 s.*no route to host.*--wandb.mode auto.*--wandb.timeout"):
        _ = RunWandbLogger("w", mode="online", timeout=3.0).experiment
    assert server.modes == ["online"]
    assert server.calls[0]["settings"].init_timeout == 3.0


@pytest.mark.parametrize("mode", ["auto", "online"])
def test_the_wait_for_the_server_is_announced(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mode: WandbMode
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with caplog.at_level(logging.INFO):
        _ = RunWandbLogger("w", mode=mode, timeout=3.0).experiment
    assert any("3 s" in message for message in caplog.messages)


def test_a_run_continues_without_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    server = replace(monkeypatch, wandb.errors.CommError("disk full"))
    logger = RunWandbLogger("w w")
    with pytest.warns(UserWarning, match=r"W&B.*disk full"):
        logger.log_metrics({"a": 1.0}, step=3)
    logger.log_metrics({"a": 2.0}, step=7)  # a second warning would be an error
    logger.log_hyperparams({"beta": 4})
    assert server.modes == ["offline", "disabled"]  # the latter accepts calls from user code
    assert logger.folder is None
    assert "lr-lightning test '" in str(logger.outcome)
    assert logger.finish() is None


def test_rejected_arguments_are_reported_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"W&B: .*a/b"):
        _ = RunWandbLogger("w", project="a/b").experiment


@pytest.mark.parametrize("value", ["nonsense", "OFFLINE", " offline"])
def test_rejects_an_unknown_mode(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WANDB_MODE", value)
    with pytest.raises(ValueError, match=rf"WANDB_MODE.*{value!r}"):
        RunWandbLogger("w")


def test_an_empty_mode_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "")
    logger = RunWandbLogger("w")
    assert logger.experiment.offline  # a real W&B run; W&B itself rejects an empty mode


def test_passes_the_arguments_of_the_run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "of the environment")
    wanted: dict[str, Any] = {
        "project": "project",
        "name": "name",
        "entity": "entity",
        "tags": ["tag"],
        "group": "group",
    }
    wanted |= {"notes": "notes", "job_type": "kind", "config": {"model.beta": 4}}
    _ = RunWandbLogger("w", run_id="abc", **wanted).experiment
    [call] = server.calls
    assert {key: call[key] for key in [*wanted, "id"]} == wanted | {"id": "abc"}
    assert "anonymous" not in call  # W&B warns about it
    assert call["dir"] == str(tmp_path / "w")
    assert (tmp_path / "w").is_dir()


def test_environment_variables_fill_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"PROJECT": "project", "NAME": "name", "ENTITY": "entity", "TAGS": "a,b", "RUN_GROUP": "group"}
    for name, value in (named | {"NOTES": "notes", "JOB_TYPE": "kind", "DIR": str(tmp_path / "elsewhere")}).items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    run = RunWandbLogger("w").experiment
    found = (run.project, run.name, run.entity, run.tags, run.group, run.notes, run.job_type)
    assert found == ("project", "name", "entity", ("a", "b"), "group", "notes", "kind")
    assert Path(run.dir).is_relative_to(tmp_path / "elsewhere")


def test_default_project(server: Server) -> None:
    _ = RunWandbLogger("w").experiment
    assert server.calls[0]["project"] == "lr_lightning"


def test_only_the_first_process_starts_a_run(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    RunWandbLogger("w").experiment.log({"a": 1.0})  # ignored
    assert server.calls == []
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("mode", ["online", "disabled"])
def test_only_offline_runs_have_a_folder_to_sync(server: Server, mode: WandbMode) -> None:
    logger = RunWandbLogger("w", mode=mode)
    assert logger.folder is None
    _ = logger.experiment
    assert logger.folder is None


def test_real_offline_run_is_in_the_run_folder(tmp_path: Path) -> None:
    logger = RunWandbLogger("w", run_id="abc")
    logger.log_metrics({"train/loss": 1.0}, step=3)
    folder = cast(Path, logger.folder)
    assert folder.parent == tmp_path / "w" / "wandb"
    assert folder.name.startswith("offline-run-")
    wandb.finish()
    assert (folder / "run-abc.wandb").stat().st_size > 0
