"""Rows that are read in parallel: their order, memory and errors."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

import pytest
import torch
from torch import Tensor

from lr_lightning.data.storage import parallel_blocks
from lr_lightning.data.storage.parallel_blocks import blocks_in_parallel


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_blocks, "_BLOCK_ROWS", 4)
    monkeypatch.setattr(parallel_blocks, "num_cores", lambda: 3)


def late(i: int) -> Tensor:
    """Row number ``i``; even ones take longer."""
    sleep(0.002 * (i % 2 == 0))
    return torch.full((2,), i)


def test_rows_come_in_order() -> None:
    blocks = list(blocks_in_parallel(late, 10, (2,)))
    assert [len(block) for block in blocks] == [4, 4, 2]
    assert torch.cat(blocks)[:, 0].tolist() == list(range(10))


def test_all_cores_read_at_once() -> None:
    barrier = threading.Barrier(3, timeout=10)  # breaks unless three threads arrive

    def row(i: int) -> Tensor:
        barrier.wait()
        return torch.tensor([i])

    assert sum(len(block) for block in blocks_in_parallel(row, 3, (1,))) == 3


def test_no_row_is_read_ahead_of_its_block() -> None:
    read = []

    def row(i: int) -> Tensor:
        read.append(i)
        return torch.tensor([i])

    next(blocks_in_parallel(row, 100, (1,)))
    assert sorted(read) == [0, 1, 2, 3]


def test_the_error_of_the_first_row_that_fails_is_raised() -> None:
    def row(i: int) -> Tensor:
        if i in (5, 6):
            sleep(0.01 * (i == 5))
            raise ValueError(f"row {i}")
        return torch.tensor([i])

    blocks = blocks_in_parallel(row, 100, (1,))
    next(blocks)
    with pytest.raises(ValueError, match="row 5"):
        next(blocks)


def test_the_context_is_entered_for_each_block() -> None:
    entered = []

    @contextmanager
    def around() -> Iterator[None]:
        entered.append(threading.current_thread())
        yield
        entered.append(threading.current_thread())

    list(blocks_in_parallel(late, 8, (2,), around))
    assert entered == [threading.main_thread()] * 4
