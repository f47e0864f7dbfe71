"""Tests of :mod:`lr_lightning.callbacks.run.adaptive_threads`, with simulated numbers of free cores."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from lr_lightning.callbacks import AdaptiveThreads, ReconstructionAssay
from lr_lightning.callbacks.run import adaptive_threads
from lr_lightning.callbacks.run.adaptive_threads import threads_of
from lr_lightning.common.cores import CoreMeter
from lr_lightning.models import AutoencoderModule, BetaVAE, SeedEnsemble
from lr_lightning.networks import MLP
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer
from lr_lightning.training.thread_trial import ThreadTrial

FASTER = {1: 2.0, 2: 1.0, 4: 0.6}


class SimulatedMeter(CoreMeter):
    """Returns given numbers of free cores, one after the other, and repeats the last.

    The first is returned twice: at the beginning of the run and at the first batch.
    """

    def __init__(self, *free: float) -> None:
        self.free = [free[0], *free]

    @property
    @override
    def seconds(self) -> float:
        return 10.0

    @override
    def read(self) -> float:
        return self.free.pop(0) if len(self.free) > 1 else self.free[0]


class Threads(Callback):
    """Notes the number of threads of each batch."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.numbers.append(torch.get_num_threads())

    @override
    def on_test_batch_start(self, *args: Any) -> None:
        self.numbers.append(torch.get_num_threads())


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Replaces trials, whose times are left to chance; lists the numbers that were tried."""
    tried: list[list[int]] = []

    def trial(work: Any, numbers: list[int]) -> ThreadTrial:
        tried.append(numbers)
        assert all(isinstance(tensor, Tensor) for tensor in work())
        return ThreadTrial({n: FASTER.get(n, 1.0) for n in numbers}, dict.fromkeys(numbers, b"same"))

    monkeypatch.setattr(adaptive_threads, "try_threads", trial)
    return tried


def model(seed: int = 0) -> BetaVAE:
    torch.manual_seed(seed)
    return BetaVAE(MLP(3, (3, 8, 8), widths=[16]))


def fit(
    folder: Path, module: LightningModule, threads: AdaptiveThreads, *others: Callback, steps: int = 6, **options: Any
) -> Trainer:
    trainer = tiny_trainer(folder, threads, *others, max_epochs=-1, max_steps=steps, limit_val_batches=0)
    trainer.fit(module, datamodule=tiny_data(Bars()), weights_only=True, **options)
    return trainer


def test_threads_follow_the_free_cores(tmp_path: Path, tried: list[list[int]]) -> None:
    seen = Threads()
    threads = AdaptiveThreads(SimulatedMeter(4.0, 3.9, 2.6, 1.3, 4.0, 4.0, 4.0))
    trainer = fit(tmp_path, model(), threads, seen)
    assert tried == [[1, 2, 4]]
    assert seen.numbers == [4, 2, 1, 1, 4, 4]
    changes = [{"step": 0, "threads": 4}, {"step": 1, "threads": 2}, {"step": 2, "threads": 1}]
    assert threads_of(trainer) == threads.history == [*changes, {"step": 4, "threads": 4}]


def test_weights_equal_those_with_a_fixed_number(tmp_path: Path) -> None:
    fixed, adapted = model(), model()
    fit(tmp_path, fixed, AdaptiveThreads())
    threads = AdaptiveThreads(SimulatedMeter(2.0, 2.0, 1.0, 1.0, 2.0, 2.0))
    fit(tmp_path, adapted, threads)
    for name, value in fixed.state_dict().items():
        assert torch.equal(value, adapted.state_dict()[name])


def test_no_more_than_the_free_cores_are_tried(tmp_path: Path, tried: list[list[int]]) -> None:
    fit(tmp_path, model(), AdaptiveThreads(SimulatedMeter(1.2)))
    assert tried == []  # there is no alternative to one thread
    assert torch.get_num_threads() == 1


def test_more_are_tried_when_cores_have_become_free(tmp_path: Path, tried: list[list[int]]) -> None:
    seen = Threads()
    fit(tmp_path, model(), AdaptiveThreads(SimulatedMeter(1.2, 1.0, 4.0, 4.0, 4.0)), seen)
    assert tried == [[1, 2, 4]]
    assert seen.numbers == [1, 1, 1, 1, 4, 4]


def test_never_more_than_was_set_before(tmp_path: Path, tried: list[list[int]]) -> None:
    torch.set_num_threads(2)
    fit(tmp_path, model(), AdaptiveThreads(SimulatedMeter(4.0)))
    assert tried == [[1, 2]]
    assert torch.get_num_threads() == 2


def test_threads_fit_before_the_first_batch(tmp_path: Path, tried: list[list[int]]) -> None:
    seen: list[int] = []

    class Sanity(Callback):
        @override
        def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            seen.append(torch.get_num_threads())

    threads = AdaptiveThreads(SimulatedMeter(2.4))
    trainer = tiny_trainer(tmp_path, threads, Sanity(), max_epochs=-1, max_steps=1, num_sanity_val_steps=1)
    trainer.fit(model(), datamodule=tiny_data(Bars()))
    assert seen == [2]


def test_a_recent_measurement_is_used_again(
    tmp_path: Path, tried: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimulatedMeter, "seconds", 0.1)
    meter = SimulatedMeter(2.0, 4.0)
    fit(tmp_path, model(), AdaptiveThreads(meter))
    assert tried == [[1, 2]]
    assert meter.free == [2.0, 4.0]  # read once


def test_fixed_numbers_stay(tmp_path: Path, tried: list[list[int]]) -> None:
    trainer = fit(tmp_path, model(), AdaptiveThreads())
    assert tried == []
    assert threads_of(trainer) == [{"step": 0, "threads": 4}]


def test_a_resumed_run_keeps_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trial(work: Any, numbers: list[int]) -> ThreadTrial:
        return ThreadTrial({n: FASTER[n] for n in numbers}, {n: bytes([n]) for n in numbers})

    monkeypatch.setattr(adaptive_threads, "try_threads", trial)
    half = fit(tmp_path, model(), AdaptiveThreads(SimulatedMeter(2.0)), steps=3)
    half.save_checkpoint(tmp_path / "half.ckpt")
    torch.set_num_threads(4)
    resumed = AdaptiveThreads(SimulatedMeter(4.0))
    fit(tmp_path, model(), resumed, ckpt_path=tmp_path / "half.ckpt")
    assert torch.get_num_threads() == 2
    assert resumed.history == [{"step": 0, "threads": 2}]

    torch.set_num_threads(1)  # as on a machine with one core
    with pytest.warns(UserWarning, match="--threads 2"):
        fit(tmp_path, model(), AdaptiveThreads(SimulatedMeter(1.0)), ckpt_path=tmp_path / "half.ckpt")


def test_a_run_that_cannot_give_up_threads_warns_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trial(work: Any, numbers: list[int]) -> ThreadTrial:
        return ThreadTrial({n: FASTER[n] for n in numbers}, {n: bytes([n]) for n in numbers})

    monkeypatch.setattr(adaptive_threads, "try_threads", trial)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(tmp_path, model(), AdaptiveThreads(SimulatedMeter(4.0, 1.0)))
    messages = [str(warning.message) for warning in caught if "--threads" in str(warning.message)]
    assert len(messages) == 1
    assert "--threads 1" in messages[0]
    assert torch.get_num_threads() == 4


def test_evaluations_and_their_assays_adapt(tmp_path: Path, tried: list[list[int]]) -> None:
    seen, inside = Threads(), list[int]()

    class Assay(ReconstructionAssay):
        @override
        def run(self, *args: Any) -> Any:
            inside.append(torch.get_num_threads())
            return super().run(*args)

    threads = AdaptiveThreads(SimulatedMeter(4.0, 4.0, 4.0, 4.0, 1.0))
    trainer = tiny_trainer(tmp_path, threads, seen, Assay(), limit_test_batches=3)
    trainer.test(model(), datamodule=tiny_data(Bars()), verbose=False)
    assert tried == [[1, 2, 4]]
    assert seen.numbers == [4, 4, 4]
    assert inside == [1]
    assert [entry["threads"] for entry in threads_of(trainer)] == [4, 1]


def test_ensembles_adapt(tmp_path: Path, tried: list[list[int]]) -> None:
    fit(tmp_path, SeedEnsemble([model(0), model(1)], [0, 1]), AdaptiveThreads(SimulatedMeter(2.0, 1.0)))
    assert tried == [[1, 2]]
    assert torch.get_num_threads() == 1


def test_other_modules_are_left_alone(tmp_path: Path, tried: list[list[int]]) -> None:
    compiled = model()
    compiled.hparams["compile_network"] = True
    fit(tmp_path, compiled, AdaptiveThreads(SimulatedMeter(1.0)))
    assert tried == []
    assert torch.get_num_threads() == 4


def test_trial_digests_depend_on_gradients(tmp_path: Path) -> None:
    """Of each tensor, not only of the loss."""

    class Different(BetaVAE):
        @override
        def trial(self, batch: Any, training: bool) -> list[Tensor]:
            *others, last = super().trial(batch, training)
            return [*others, last * (1 + (torch.get_num_threads() > 1))]

    torch.manual_seed(0)
    module: AutoencoderModule = Different(MLP(3, (3, 8, 8), widths=[16]))
    threads = AdaptiveThreads(SimulatedMeter(2.0))
    fit(tmp_path, module, threads, steps=1)
    assert threads._choice is not None
    assert threads._choice._interchangeable == [torch.get_num_threads()]
