"""Assays that fail: training continues bit for bit, and warning, results and summary give the reason."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from typing_extensions import override

from lr_lightning.callbacks import (
    AssayCallback,
    AssayContext,
    AssayResult,
    DisentanglementAssay,
    LatentStatisticsAssay,
    ResponseMatrixAssay,
)
from lr_lightning.callbacks.assay_failure import ends_the_run
from lr_lightning.callbacks.ensemble_assay import of_members
from lr_lightning.callbacks.run.run_record import RunRecord
from lr_lightning.callbacks.sharding import gather_computed
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer, weights
from tests.conftest import Bars


class Failing(AssayCallback):
    """Draws from the global generators, then raises each of ``errors`` in turn, ``None`` for a run that ends well."""

    name = "failing"

    def __init__(self, errors: Sequence[Exception | None], in_figure: bool = False) -> None:
        super().__init__()
        self.errors = list(errors)
        self.in_figure = in_figure

    @override
    def run(self, context: AssayContext) -> AssayResult:
        torch.rand(10)
        error = self.errors.pop(0)
        if error is not None and not self.in_figure:
            raise error

        def draw() -> None:
            if error is not None:
                raise error

        figures = {"drawn": draw} if self.in_figure else {}
        return AssayResult({"left": float(len(self.errors))}, figures=figures, warnings=["Do not trust it."])  # type: ignore[arg-type]


@pytest.mark.parametrize("in_figure", [False, True])
def test_training_continues_with_one_warning(bars: Bars, tmp_path: Path, in_figure: bool) -> None:
    alone, watched = tiny_model(), tiny_model()
    tiny_trainer(tmp_path).fit(alone, datamodule=tiny_data(bars))
    assay = Failing([ValueError("too few\n rows"), ValueError("another"), ValueError("too few rows")], in_figure)
    trainer = tiny_trainer(tmp_path, assay, LatentStatisticsAssay(), RunRecord())
    with pytest.warns(UserWarning, match="the assay failing cannot run here .* too few rows") as caught:
        trainer.fit(watched, datamodule=tiny_data(bars))
    assert sum("the assay failing" in str(warning.message) for warning in caught) == 1
    assert torch.equal(weights(alone), weights(watched))
    assert "assay/failing/left" not in trainer.callback_metrics
    assert "assay/latent_statistics/active_units" in trainer.callback_metrics
    assert assay.result is None
    record = json.loads((tmp_path / "results.json").read_text())["fit"]
    assert record["failed_assays"] == {"failing": {"times": 3, "last": "too few rows"}}
    assert any("failing was skipped: too few rows" in sentence for sentence in record["cautions"])


def test_a_failed_assay_is_tried_again(bars: Bars, tmp_path: Path) -> None:
    assay = Failing([None, ValueError("once"), None])
    trainer = tiny_trainer(tmp_path, assay, RunRecord(), max_epochs=2)
    with pytest.warns(UserWarning, match="once"):
        trainer.fit(tiny_model(), datamodule=tiny_data(bars))
    assert trainer.callback_metrics["assay/failing/left"] == 2
    assert assay.failure == "once"
    state = assay.state_dict()
    again = Failing([])
    again.load_state_dict(state)
    assert (again.failure, again.num_failures, again.cautions) == ("once", 1, ())
    for key in ("failure", "num_failures", "cautions"):  # of an earlier version
        del state[key]
    again.load_state_dict(state)
    assert (again.failure, again.num_failures, again.cautions) == (None, 0, ())
    tiny_trainer(tmp_path, assay, RunRecord()).validate(tiny_model(), datamodule=tiny_data(bars), verbose=False)
    assert assay.failure is None
    assert assay.num_failures == 0
    assert assay.cautions == ("Do not trust it.",)
    record = json.loads((tmp_path / "results.json").read_text())
    assert record["fit"]["failed_assays"] == {"failing": {"times": 1, "last": "once"}}
    assert record["validate"]["failed_assays"] == {}
    assert record["validate"]["cautions"] == ["Do not trust it."]


def test_a_bug_is_logged_in_training_and_raises_outside(
    bars: Bars, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.warns(UserWarning, match="bug .*KeyError: 'lost'"):
        tiny_trainer(tmp_path, Failing([KeyError("lost")]), max_epochs=1).fit(tiny_model(), datamodule=tiny_data(bars))
    assert "raise error" in caplog.text  # the lines that led to it
    with pytest.raises(KeyError, match="lost"):
        tiny_trainer(tmp_path, Failing([KeyError("lost")])).test(tiny_model(), datamodule=tiny_data(bars))
    with pytest.warns(UserWarning, match="too few"):
        tiny_trainer(tmp_path, Failing([ValueError("too few")])).test(tiny_model(), datamodule=tiny_data(bars))
    strict = Failing([ValueError("too few")])
    strict.strict = True
    with pytest.raises(ValueError, match="too few"):
        tiny_trainer(tmp_path, strict).test(tiny_model(), datamodule=tiny_data(bars))


def test_a_single_sample_is_no_error_in_training(bars: Bars, tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, ResponseMatrixAssay(), LatentStatisticsAssay(), RunRecord(), max_epochs=1)
    with pytest.warns(UserWarning, match="the assay (response_matrix|latent_statistics) cannot run here"):
        trainer.fit(tiny_model(), datamodule=tiny_data(bars, val_size=1))
    failed = json.loads((tmp_path / "results.json").read_text())["fit"]["failed_assays"]
    assert failed.keys() == {"response_matrix", "latent_statistics"}


def test_out_of_memory_on_one_process_ends_the_run() -> None:
    for error in (MemoryError(), torch.OutOfMemoryError()):
        assert ends_the_run(error, in_training=True, world_size=2)
        assert not ends_the_run(error, in_training=True, world_size=1)
        assert not ends_the_run(error, in_training=False, world_size=1)
    assert not ends_the_run(TypeError(), in_training=True, world_size=2)
    assert ends_the_run(TypeError(), in_training=False, world_size=2)


def test_an_error_of_one_process_is_raised_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [("theirs", None), (None, (True, "ValueError: too few")), (None, (False, "KeyError: 'lost'"))]

    def gathered_with(*rest: object) -> None:
        monkeypatch.setattr(
            "lr_lightning.callbacks.sharding.gather_objects", lambda own, world_size: [own, *rest][:world_size]
        )

    gathered_with(others[0])
    assert gather_computed(lambda: "mine", 2) == ["mine", "theirs"]
    gathered_with(others[1])
    with pytest.raises(ValueError, match="on process 1: ValueError: too few"):
        gather_computed(lambda: "mine", 2)
    gathered_with(others[2])
    with pytest.raises(RuntimeError, match="on process 1: KeyError: 'lost'"):
        gather_computed(lambda: "mine", 2)
    with pytest.raises(ZeroDivisionError):  # its own, after the others know
        gather_computed(lambda: 1 / 0, 2)


@pytest.mark.filterwarnings("ignore:.* undefined")
def test_summary_has_cautions(bars: Bars, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def assays(print_table: bool) -> list[AssayCallback]:
        return [
            LatentStatisticsAssay(),
            ResponseMatrixAssay(num_samples=12),
            DisentanglementAssay(["mig", "modularity"], [], print_table=print_table),
        ]

    trainer = tiny_trainer(tmp_path, *assays(False), RunRecord(), max_epochs=1)
    trainer.fit(tiny_model(), datamodule=tiny_data(bars))  # four steps: nothing is learned
    printed = " ".join(capsys.readouterr().out.split())
    assert "! No latent is active: the means of all 3 latents vary by less than 0.01" in printed
    assert printed.count("No latent is active") == 1  # which two assays say
    assert "assays/disentanglement-step000004.json" in printed
    assert "ceiling chance" not in printed  # the head of the whole table
    cautions = json.loads((tmp_path / "results.json").read_text())["fit"]["cautions"]
    assert [sentence for sentence in cautions if " ".join(sentence.split()) in printed] == cautions
    trainer = tiny_trainer(tmp_path, *assays(True), RunRecord())
    trainer.test(tiny_model(), datamodule=tiny_data(bars), verbose=False)
    printed = capsys.readouterr().out
    assert printed.index("modularity") < printed.index("after 0 steps (test)") < printed.index("No latent is active")


def test_cautions_name_the_seeds() -> None:
    cautions = [("all say so", "one says"), ("all say so",), ("all say so", "one says")]
    assert of_members(["seed_3", "seed_4", "seed_7"], cautions) == ("all say so", "one says (seed 3, seed 7)")
