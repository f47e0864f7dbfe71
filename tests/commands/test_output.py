"""A command survives the loss of its output."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lr_lightning.commands.output import _LastingFile, keep_output

HELP = [sys.executable, "-m", "lr_lightning", "--help"]


def test_a_closed_pipe_is_not_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(HELP, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_output_is_not_an_error(closing: str) -> None:
    ended = subprocess.run(f"{sys.executable} -m lr_lightning --help {closing}", shell=True, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"usage") is (closing == "2>&-")


def test_a_full_disk_is_an_error() -> None:
    with _LastingFile("written", "wb") as file:
        assert file.write(b"seen") == 4
    assert Path("written").read_bytes() == b"seen"
    if Path("/dev/full").exists():
        with _LastingFile("/dev/full", "wb") as file, pytest.raises(OSError, match="No space left") as raised:
            file.write(b"lost")
        assert raised.value.errno == errno.ENOSPC


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_reported_once() -> None:
    command = [*HELP[:3], "score", "--list"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode == 1
    assert "No space left" in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_replaced_streams_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    monkeypatch.setattr(sys, "stderr", mine)
    keep_output()
    assert sys.stdout is sys.stderr is mine


def test_starts_without_slow_imports() -> None:
    script = "import sys, lr_lightning.cli; print({'torch', 'typing_extensions'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
