"""Every exception becomes one sentence and an exit code."""

import argparse
import re
from pathlib import Path

import pytest

from lr_lightning.cli import main
from lr_lightning.commands.failure import fail, run_command, sentence
from lr_lightning.commands.messages import UsageError

HINT = r"\(.*LR_LIGHTNING_TRACEBACK=1.*\)"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("num_bins must be 2, got 1"), "num_bins must be 2, got 1"),
        (OSError("a.npz\n  is damaged"), "a.npz is damaged"),
        (KeyError("no array 'codes' in a.npz"), "no array 'codes' in a.npz"),
        (KeyError("codes"), f"KeyError: codes {HINT}"),
        (KeyError(3), f"KeyError: 3 {HINT}"),
        (MemoryError("Unable to allocate 7 TiB"), "Unable to allocate 7 TiB"),
        (MemoryError(), f"MemoryError {HINT}"),
        (RecursionError("too deep"), f"RecursionError: too deep {HINT}"),
    ],
)
def test_sentence(error: Exception, text: str) -> None:
    assert re.fullmatch(text, sentence(error))


def test_exit_code_and_position(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail("fit", ValueError("bad value"), below_progress=True) == 1
    assert fail("fit", UsageError("no such option"), below_progress=True) == 2
    assert capsys.readouterr().err == "\nlr-lightning fit: bad value\nlr-lightning fit: no such option\n"


@pytest.mark.parametrize("command", [["score", "codes.npz"], ["data", "info", "set.yaml"]])
def test_commands_catch_every_exception(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("lr_lightning.commands.score.command._score", break_)
    monkeypatch.setattr("lr_lightning.commands.data.command.CustomDataset", break_)
    Path("set.yaml").touch()
    with pytest.raises(SystemExit, match=r"^1$"):
        main(command)
    [line] = capsys.readouterr().err.splitlines()
    assert re.fullmatch(f"lr-lightning {command[0]}: ZeroDivisionError: by zero .*LR_LIGHTNING_TRACEBACK=1.*", line)
    monkeypatch.setenv("LR_LIGHTNING_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(command)


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [
        (None, 0, ""),
        (KeyboardInterrupt, 130, "lr-lightning mine: interrupted; nothing was written\n"),
        (ValueError("no such file"), 1, "lr-lightning mine: no such file\n"),
        (UsageError("no such option"), 2, "lr-lightning mine: no such option\n"),
    ],
)
def test_a_command_ends_with_an_exit_code(
    raised: BaseException | None, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(arguments: argparse.Namespace) -> None:
        assert arguments.word == "x"
        if raised is not None:
            raise raised

    parser = argparse.ArgumentParser()
    parser.add_argument("word")
    assert run_command("mine", lambda: parser.parse_args(["x"]), work, "interrupted; nothing was written") == code
    assert capsys.readouterr().err == text
    assert run_command("mine", lambda: parser.parse_args([]), work) == 2
    assert run_command("mine", lambda: parser.parse_args(["-h"]), work) == 0
