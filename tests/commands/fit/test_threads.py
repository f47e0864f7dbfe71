"""Tests of ``--threads``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lr_lightning.callbacks.run.adaptive_threads import AdaptiveThreads
from lr_lightning.cli import main
from lr_lightning.common.cores import CoreMeter
from lr_lightning.common.thread_limit import kept_threads
from tests.commands.fit.small_run import weights, write_config

LAST = "run/checkpoints/last.ckpt"
DATA = {"dataset": "lr_lightning.testing.bars.Bars"}


@pytest.fixture(autouse=True)
def threads_restored() -> Iterator[None]:
    restore = kept_threads()
    yield
    restore()


def run(*words: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    assert end.value.code == 0


def recorded(command: str, folder: str = "run") -> Any:
    return json.loads(Path(folder, "results.json").read_text())[command]["threads"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path, 4, DATA)


def test_a_given_number_is_used_and_recorded_by_each_command(config: Path) -> None:
    run("fit", "--config", str(config), "--threads", "2")
    assert torch.get_num_threads() == 2
    assert recorded("fit") == [{"step": 0, "threads": 2}]
    run("validate", LAST, "--threads=3")
    assert recorded("validate") == [{"step": 4, "threads": 3}]
    run("predict", LAST, "--threads=1")
    assert torch.get_num_threads() == 1


def test_a_resumed_run_keeps_its_number_or_takes_another(config: Path) -> None:
    run("fit", "--config", str(config), "--threads", "2")
    torch.set_num_threads(1)
    run("fit", "run", "--trainer.max_steps=6")
    assert recorded("fit") == [{"step": 0, "threads": 2}]
    run("fit", "run", "--trainer.max_steps=8", "--threads=1")
    assert recorded("fit") == [{"step": 0, "threads": 2}, {"step": 6, "threads": 1}]


def test_variables_of_the_user_win(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AdaptiveThreads, "_try", lambda *_: pytest.fail("tried other numbers"))
    run("fit", "--config", str(config))
    assert recorded("fit") == [{"step": 0, "threads": 1}]


def test_without_variables_threads_adapt_and_weights_do_not_depend_on_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("fit", "--config", str(config))
    expected = weights("run")
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(CoreMeter, "read", lambda _: 1.2)
    torch.set_num_threads(2)
    run("fit", "--config", str(config))
    assert recorded("fit", "run-1") == [{"step": 0, "threads": 1}]
    assert all(torch.equal(*pair) for pair in zip(weights("run-1"), expected, strict=True))


@pytest.mark.parametrize("number", ["0", "-1", "all", "1.5"])
def test_wrong_numbers_are_one_sentence(number: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["fit", "--config", str(config)], ["score", "codes.npz"]):
        with pytest.raises(SystemExit) as end:
            main([*command, "--threads", number])
        assert end.value.code == 2
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert "threads" in last
        assert number in last


def test_scores_are_computed_with_the_given_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = np.random.default_rng(0)
    factors = generator.integers(0, 3, (300, 2))
    np.savez("codes.npz", codes=factors + generator.normal(0, 0.1, (300, 2)), factors=factors)
    run("score", "codes.npz", "--metrics", "mig", "--threads", "2")
    assert torch.get_num_threads() == 2
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(CoreMeter, "read", lambda _: 3.1)
    run("score", "codes.npz", "--metrics", "mig")
    assert torch.get_num_threads() == 3
