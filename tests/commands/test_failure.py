"""One sentence and an exit code for whatever a command raises."""

from pathlib import Path

import pytest

from lr_lightning.cli import main
from lr_lightning.commands.failure import fail, sentence
from lr_lightning.commands.messages import UsageError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("num_bins must be 2, got 1"), "num_bins must be 2, got 1"),
        (OSError("a.npz\n  is damaged"), "a.npz is damaged"),
        (KeyError("no array 'codes' in a.npz"), "no array 'codes' in a.npz"),
        (KeyError("codes"), "KeyError: codes (LR_LIGHTNING_TRACEBACK=1 shows where)"),
        (KeyError(3), "KeyError: 3 (LR_LIGHTNING_TRACEBACK=1 shows where)"),
        (MemoryError("Unable to allocate 7 TiB"), "Unable to allocate 7 TiB"),
        (MemoryError(), "MemoryError:  (LR_LIGHTNING_TRACEBACK=1 shows where)"),
        (RecursionError("too deep"), "RecursionError: too deep (LR_LIGHTNING_TRACEBACK=1 shows where)"),
    ],
)
def test_sentence(error: Exception, text: str) -> None:
    assert sentence(error) == text


def test_exit_code_and_where_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail("fit", ValueError("bad value"), below_progress=True) == 1
    assert fail("fit", UsageError("no such option"), below_progress=True) == 2
    assert capsys.readouterr().err == "\nlr-lightning fit: bad value\nlr-lightning fit: no such option\n"


@pytest.mark.parametrize("command", [["score", "codes.npz"], ["data", "info", "set.yaml"]])
def test_commands_catch_whatever_is_raised(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("lr_lightning.commands.score.command._score", break_)
    monkeypatch.setattr("lr_lightning.commands.data.command.CustomDataset", break_)
    Path("set.yaml").touch()
    with pytest.raises(SystemExit, match=r"^1$"):
        main(command)
    assert capsys.readouterr().err == (
        f"lr-lightning {command[0]}: ZeroDivisionError: by nought (LR_LIGHTNING_TRACEBACK=1 shows where)\n"
    )
    monkeypatch.setenv("LR_LIGHTNING_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(command)
