"""Uploads of many W&B runs, with a stand-in for the processes of ``wandb sync``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import pytest

from lr_lightning.study import wandb_upload
from lr_lightning.study.wandb_parts import OfflinePart
from lr_lightning.study.wandb_upload import upload
from tests.study.test_wandb_parts import make_part


def stand_in(
    monkeypatch: pytest.MonkeyPatch, sync: Callable[[Sequence[OfflinePart]], bool], output: str = ""
) -> list[list[OfflinePart]]:
    """Let ``sync`` stand for a process, which returns whether it timed out; return the batches as they come."""
    batches: list[list[OfflinePart]] = []

    def run(batch: Sequence[OfflinePart], timeout: float, stop: Event) -> wandb_upload._Sync:
        batches.append(list(batch))
        return wandb_upload._Sync(output, sync(batch))

    monkeypatch.setattr(wandb_upload, "_sync", run)
    return batches


def mark(part: OfflinePart) -> None:
    part.log.with_name(f"{part.log.name}.synced").touch()


def test_runs_of_a_batch_that_ended_early_are_tried_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = parts = [make_part(tmp_path / name, "20260101_000000") for name in "abc"]

    def sync(batch: Sequence[OfflinePart]) -> bool:
        if batch[0] != second:  # the second run always ends the process
            mark(batch[0])
        return False

    shown: list[tuple[int, int | None]] = []
    batches = stand_in(monkeypatch, sync, "wandb: ERROR it is broken\n")
    failed = upload(parts, 1, 1.0, lambda: None, lambda done, total: shown.append((done, total)))
    assert batches == [parts, [second], [third]]
    assert failed == [(second, "it is broken")]
    assert shown[0] == (1, 3)
    assert shown[-1] == (3, 3)
    assert first.is_uploaded
    assert third.is_uploaded


def test_a_process_without_progress_asks_whether_the_server_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise ConnectionError("gone")

    parts = [make_part(tmp_path / name, "20260101_000000") for name in "ab"]
    stand_in(monkeypatch, lambda _: True)
    with pytest.raises(ConnectionError, match="gone"):
        upload(parts, 2, 1.0, gone, lambda *_: None)
    failed = upload(parts, 2, 1.5, lambda: None, lambda *_: None)
    assert [reason for _, reason in failed] == ["no progress within 1.5 s"] * 2
