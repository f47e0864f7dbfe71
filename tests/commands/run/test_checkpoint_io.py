"""Checkpoints are always written completely or not at all."""

import io
import resource
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.plugins import TorchCheckpointIO

from lr_lightning.commands.run.checkpoint_io import AtomicCheckpointIO


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the name of a checkpoint that is there already."""
    path = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)
    return path


def test_is_read_back_and_leaves_nothing_beside_it(path: Path) -> None:
    AtomicCheckpointIO().save_checkpoint({"step": 2, "weights": torch.arange(3)}, str(path))
    loaded = AtomicCheckpointIO().load_checkpoint(path, weights_only=True)
    assert loaded["step"] == 2
    assert loaded["weights"].tolist() == [0, 1, 2]
    assert list(path.parent.iterdir()) == [path]


def test_the_folder_for_temporary_files_does_not_matter(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, "/proc/none")
    monkeypatch.setattr(tempfile, "tempdir", "/proc/none")
    AtomicCheckpointIO().save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 2}


def test_the_previous_checkpoint_stays_until_the_new_one_is_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def killed(checkpoint: Any, file: io.BytesIO) -> None:
        file.write(b"half of")
        file.flush()
        assert path.read_bytes() == before
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        AtomicCheckpointIO().save_checkpoint({"step": 2}, path)
    assert path.read_bytes() == before


def test_a_full_disk_is_named_and_the_previous_checkpoint_stays(path: Path) -> None:
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"checkpoints/last.ckpt \(File too large\)"):
            AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == {path: before}


def test_what_cannot_be_saved_keeps_its_own_error(path: Path) -> None:
    with pytest.raises(AttributeError, match="lambda"):
        AtomicCheckpointIO().save_checkpoint({"function": lambda: 0}, path)


@pytest.mark.parametrize(("target", "options"), [("memory://last.ckpt", None), ("last.ckpt", {"a": 1})])
def test_addresses_and_options_are_left_to_lightning(
    monkeypatch: pytest.MonkeyPatch, target: str, options: dict[str, int] | None
) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(TorchCheckpointIO, "save_checkpoint", lambda *args: calls.append(args[1:]))
    AtomicCheckpointIO().save_checkpoint({"step": 2}, target, options)
    assert calls == [({"step": 2}, target, options)]
