"""Codes of a pass are collected once, for all assays of a Trainer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import ModelCheckpoint
from typing_extensions import override

from lr_lightning.callbacks import AssayCallback, AssayContext, AssayResult, CodeTableCollector
from lr_lightning.callbacks.assay import collector_of
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.conftest import Bars


class Look(AssayCallback):
    """Keeps what it is given."""

    def __init__(self, name: str, num_observations: int = 0) -> None:
        super().__init__()
        self.name = name
        self.num_observations = num_observations
        self.contexts: list[AssayContext] = []

    @override
    def run(self, context: AssayContext) -> AssayResult:
        self.contexts.append(context)
        return AssayResult()


class Shift(Callback):
    """Changes the codes of each batch."""

    @override
    def on_validation_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *arguments: Any) -> None:
        outputs["codes"] = outputs["codes"] + 1


def test_assays_bring_one_collector_which_stays(bars: Bars, tmp_path: Path) -> None:
    first, second = Look("first"), Look("second")
    trainer = tiny_trainer(tmp_path, first, second, max_epochs=2)
    data = tiny_data(bars)
    trainer.fit(tiny_model(), datamodule=data)
    trainer.test(tiny_model(), datamodule=data, verbose=False)
    kinds = [type(callback) for callback in trainer.callbacks]  # type: ignore[attr-defined]
    assert kinds.count(CodeTableCollector) == 1
    assert kinds.index(CodeTableCollector) < kinds.index(Look)
    assert [len(context.table.codes) for context in first.contexts] == [12, 12, 48]
    assert all(a.table is b.table for a, b in zip(first.contexts, second.contexts, strict=True))


def test_a_collector_of_the_user_is_taken(bars: Bars, tmp_path: Path) -> None:
    collector = CodeTableCollector()
    trainer = tiny_trainer(tmp_path, Look("first"), collector, max_epochs=1)
    trainer.fit(tiny_model(), datamodule=tiny_data(bars))
    assert collector_of(trainer) is collector
    assert len(collector.table(trainer).codes) == 12


def test_each_assay_gets_as_many_observations_as_it_asks_for(bars: Bars, tmp_path: Path) -> None:
    looks = [Look("none"), Look("few", 2), Look("many", 7), Look("more than there are", 100)]
    data = tiny_data(bars)
    tiny_trainer(tmp_path, *looks, max_epochs=1).fit(tiny_model(), datamodule=data)
    found = [look.contexts[0].observations for look in looks]
    assert [len(observations) for observations in found] == [0, 2, 7, 12]
    images = bars.images(data.val_indices).float() / 255
    assert all(torch.equal(observations, images[: len(observations)]) for observations in found[1:])


@pytest.mark.parametrize(("order", "shift"), [("before", 1), ("after", 0)])
def test_changes_by_callbacks_before_the_assays_are_seen(bars: Bars, tmp_path: Path, order: str, shift: int) -> None:
    look, plain = Look("look"), Look("plain")
    callbacks = [Shift(), look] if order == "before" else [look, Shift()]
    for trainer in (tiny_trainer(tmp_path, *callbacks), tiny_trainer(tmp_path, plain)):
        trainer.validate(tiny_model(), datamodule=tiny_data(bars), verbose=False)
    torch.testing.assert_close(look.contexts[0].table.codes, plain.contexts[0].table.codes + shift)


def test_checkpoints_know_nothing_of_it(bars: Bars, tmp_path: Path) -> None:
    keep = ModelCheckpoint(tmp_path, "kept")
    trainer = tiny_trainer(tmp_path, Look("first"), keep, max_epochs=1, enable_checkpointing=True)
    trainer.fit(tiny_model(), datamodule=tiny_data(bars))
    states = torch.load(tmp_path / "kept.ckpt", weights_only=True)["callbacks"]
    assert not [key for key in states if "CodeTable" in key]
    assert "Look:first" in states


def test_draws_are_rows_without_repetition(bars: Bars, tmp_path: Path) -> None:
    look = Look("look")
    tiny_trainer(tmp_path, look).validate(tiny_model(), datamodule=tiny_data(bars), verbose=False)
    context = look.contexts[0]
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(context.draw_codes(5), context.table.codes[order[:5]])
    assert len(context.draw_codes(100)) == 12
