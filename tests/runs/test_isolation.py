"""A run leaves the process as it was."""

import logging
import os
import random
import signal
import threading
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch

import lr_lightning as lr
from lr_lightning.runs.isolation import isolated
from tests.runs.process_state import changes, process_state
from tests.runs.tiny import TINY


def change_everything() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark
    torch.autograd.set_detect_anomaly(True)
    os.environ["PL_GLOBAL_SEED"] = "1"
    os.environ["WANDB_MODE"] = "disabled"
    del os.environ["WANDB_SILENT"]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: None)
    warnings.filterwarnings("ignore", message="x")
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(lambda _: False)
    mpl.rcParams["font.size"] = 3.0
    os.chdir("/")


def test_everything_that_a_run_may_change_is_restored_after_an_error() -> None:
    before, changed = process_state(), list[str]()

    def fail() -> None:
        with isolated(quiet=True):
            change_everything()
            changed.extend(changes(before))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert set(before) - set(changed) == {"wandb", "threads of Python"}  # else the comparison would not notice
    assert changes(before) == []


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with isolated(quiet=True):
        print("quiet")
        logging.getLogger("pytorch_lightning.utilities.rank_zero").info("quiet")
    with isolated():
        print("loud")
    assert capsys.readouterr().out == "loud\n"


def test_quiet_shows_nothing_in_notebooks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[object] = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *content: shown.append(content))
    lr.fit("helix", TINY, folder="run", quiet=True)
    assert shown == []
    assert capsys.readouterr().out == ""


def test_runs_in_two_threads_are_refused() -> None:
    found: list[str] = []

    def other() -> None:
        try:
            with isolated():
                found.append("entered")
        except RuntimeError as error:
            found.append(str(error))

    with isolated():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert "another run" in found.pop()
    thread = threading.Thread(target=other)  # one thread is enough, and need not be the main one
    thread.start()
    thread.join()
    assert found == ["entered"]


def test_exits_are_errors() -> None:
    with pytest.raises(RuntimeError, match="exit code 4"), isolated():
        raise SystemExit(4)
    with isolated():  # not held any more
        pass


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize(
    ("callback", "error", "message"),
    [
        ("Interrupted", KeyboardInterrupt, None),
        ("Exiting", RuntimeError, "exit code 3"),
        ("Diverging", FloatingPointError, "loss"),
    ],
)
def test_failed_runs_leave_nothing_behind(callback: str, error: type[BaseException], message: str | None) -> None:
    before = process_state()
    values = TINY | {
        "trainer.logger": None,
        "wandb.mode": "offline",
        "trainer.callbacks": {"class_path": f"tests.runs.callbacks.{callback}"},
    }
    with pytest.raises(error, match=message):
        lr.fit("helix", values, folder="run", quiet=True)
    assert changes(before) == []
    assert not Path("run/.lease").exists()


def test_wrong_input_is_an_exception_with_one_sentence() -> None:
    before = process_state()
    for values, message in {
        ("model.bet", 3): "no argument 'bet'; did you mean beta",
        ("trainer.max_epoch", 3): "max_epoch.*did you mean.*max_epochs",
        ("model.beta", "big"): "beta.*big",
        ("print_config", ""): "exit code 0",
    }.items():
        with pytest.raises((ValueError, RuntimeError), match=message):
            lr.fit("helix", dict([values]), folder="run")
    for config, expected in (("hellix", ValueError), (3, TypeError), ({"include": "hellix"}, ValueError)):
        with pytest.raises(expected, match=r"did you mean helix\?|int"):
            lr.fit(config, folder="run")  # type: ignore[arg-type]
    assert changes(before) == []
    assert not Path("run").exists()
