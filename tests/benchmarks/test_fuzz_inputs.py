"""Reading corrupted files returns data or a one-line error, and the driver detects violations."""

import mmap
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fuzz_inputs import Outcome, fuzz, report
from fuzz_kinds import KINDS, Kind
from mutations import BYTES, TEXT, mutate

_SLOW = {"npz", "ckpt", "ckpt resumed"}  # scoring and Lightning are imported again in each process


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")


def write(folder: Path) -> None:
    (folder / "a.bin").write_bytes(b"some bytes and 12 words")


def kind_of(read: Callable[[Path], int | None]) -> Kind:
    return Kind("bin", write, read, "*.bin")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name not in _SLOW], ids=lambda kind: kind.name)
def test_a_few_of_each_kind(kind: Kind) -> None:
    few = replace(kind, malicious=(leaves, *kind.malicious[:3]))
    outcomes = list(fuzz([few], 5, seed=2))
    assert [outcome.failure for outcome in outcomes] == [""] * len(outcomes), report(outcomes)
    assert outcomes[0].message == "read"  # intact


def leaves(folder: Path) -> None:
    pass


def rises(folder: Path) -> None:
    raise ZeroDivisionError


def refuses(folder: Path) -> None:
    raise OSError(f"{folder} is damaged")


def hangs(folder: Path) -> None:
    time.sleep(60)


def dies(folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def eats(folder: Path) -> None:
    with mmap.mmap(-1, 12 << 20) as memory:  # not an array, which might reuse memory of the process
        for start in range(0, len(memory), mmap.PAGESIZE):
            memory[start] = 1


def wants(folder: Path) -> None:
    np.ones(1 << 40)


def exits(folder: Path) -> int:
    return 3


@pytest.mark.parametrize(
    ("read", "failure"),
    [
        (rises, "no message for the user"),
        (refuses, ""),
        (hangs, "took more than 0.3 s"),
        (dies, "ended its process (SIGKILL)"),
        (eats, "used 0.0 GB, or requested more"),
        (wants, "used 0.0 GB, or requested more"),
        (exits, "exit code 3"),
    ],
)
def test_failures_are_noticed(read: Callable[[Path], int | None], failure: str) -> None:
    longest, most = (0.3 if read is hangs else 30, 1 << 23 if read is eats else 1 << 30)
    outcomes = list(fuzz([kind_of(read)], 2, longest=longest, most=most))
    assert [(outcome.number, outcome.failure) for outcome in outcomes] == [(0, failure), (1, failure)]


def test_inputs_depend_on_seed_and_number() -> None:
    def seen(seed: int) -> list[str]:
        def refuse(folder: Path) -> None:
            raise OSError((folder / "a.bin").read_bytes().hex())

        return [outcome.message for outcome in fuzz([kind_of(refuse)], 6, seed)]

    first = seen(0)
    assert first == seen(0)
    assert first != seen(1)
    assert len(set(first)) == 6


def test_report_counts_by_kind_and_lists_failures() -> None:
    outcomes = [
        Outcome("npz", 0, "", "read", 0.5, 1_000_000),
        Outcome("npz", 1, "", "score: no", 1.5, 2_000_000),
        Outcome("h5", 0, "took more than 30 s", "", 30.0, 0),
    ]
    lines = report(outcomes).splitlines()
    assert [line.split() for line in lines[1:4]] == [
        ["npz", "2", "2", "1", "1", "1.5", "2"],
        ["h5", "1", "0", "0", "0", "30.0", "0"],
        ["all", "3", "2", "1", "1", "30.0", "2"],
    ]
    assert lines[4] == "FAILED h5 --only 0: took more than 30 s; "


@pytest.mark.parametrize("mutation", dict.fromkeys((*BYTES, *TEXT)))
def test_mutations_change_their_input(mutation: Callable[[bytes, np.random.Generator], bytes]) -> None:
    content = b"name: bars\nfactors: {a: 3}\n"
    random = np.random.default_rng(0)
    assert sum(mutation(content, random) != content for _ in range(20)) > 12
    assert isinstance(mutate(b"", (mutation,), random), bytes)
