"""Tests that every assay callback should pass."""

import copy
import inspect
import pickle
import random
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.plugins.environments import LightningEnvironment  # type: ignore[attr-defined]
from torch import Tensor
from torch.distributions import Normal
from torch.nn import functional as F
from typing_extensions import override

from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.assay_failure import DATA_CAUSES
from lr_lightning.callbacks.code_table import CodeTable
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.needs import Target, first_missing
from lr_lightning.callbacks.report_arguments import default_size, report_arguments
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.data import FactorDataset
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer, weights
from lr_lightning.testing.two_processes import in_two_processes

CASES = ("variational", "deterministic", "dead latent", "constant input", "not finite", "two samples")
"""Input of the assay: codes of a variational and of a deterministic model, and degenerate input seen in training."""


class AssayTester:
    """Tests an assay class; name it in a subclass and pytest collects the tests.

    The assay runs on an untrained model and 48 tiny images. Override :meth:`dataset` or :meth:`model` if it needs
    others.

    Attributes:
        assay: The class.
        arguments: Arguments of the constructor that make it fast.
        invalid_arguments: Sets of arguments, each invalid because of its first entry.
        reports_progress: Whether it calls ``progress``.

    Example:
        >>> from lr_lightning.callbacks import DynamicsAssay
        >>> class TestDynamicsAssay(AssayTester):
        ...     assay = DynamicsAssay
        ...     arguments = {"num_samples": 6, "max_steps": 20}
    """

    assay: ClassVar[type[AssayCallback]]
    arguments: ClassVar[Mapping[str, Any]] = {}
    invalid_arguments: ClassVar[Sequence[Mapping[str, Any]]] = ()
    reports_progress: ClassVar[bool] = False

    def make(self) -> AssayCallback:
        """Return an instance of the assay."""
        return self.assay(**self.arguments)

    def dataset(self) -> FactorDataset:
        """Return the data set."""
        return Bars()

    def model(self) -> LightningModule:
        """Return an untrained model, identical each time."""
        return tiny_model()

    def test_describes_itself(self) -> None:
        """Names and texts have the form that lists, reports and summaries expect."""
        assay, parameters = self.make(), inspect.signature(self.assay).parameters
        assert self.assay.name.isidentifier()
        assert self.assay.summary
        assert "\n" not in self.assay.summary
        assert not self.assay.summary.endswith(".")  # the report adds it
        assert all(caption.endswith(".") for caption in assay.captions.values())
        assert set(self.assay.report_options) <= set(parameters)
        assert self.assay.size_argument is None or default_size(self.assay) is not None
        assert self.assay.name in assay.state_key

    def test_states_its_needs(self) -> None:
        """The needs are met here; for other targets, they return a sentence without a full stop or ``None``."""
        assay = self.make()
        assert first_missing(assay.needs, self._target()) is None
        for target in (Target((3,), 1, None), Target((2, 8, 8), 4, None), Target((100,), 10, None)):
            missing = first_missing(assay.needs, target)
            assert missing is None or (missing and not missing.endswith("."))

    def test_has_arguments_for_reports(self) -> None:
        """It can be constructed with the arguments of ``lr-lightning assay``."""
        self.assay(**report_arguments(self.assay, seed=3, num_samples=10))

    def test_rejects_invalid_arguments(self) -> None:
        """The error contains the argument's name and value."""
        for invalid in self.invalid_arguments:
            name, value = next(iter(invalid.items()))
            with pytest.raises(ValueError, match=rf"{name}(.|\n)*{re.escape(str(value))}"):
                self.assay(**{**self.arguments, **invalid})

    def test_is_copied_and_pickled(self) -> None:
        """Deep copies, which an ensemble makes for each seed, and unpickled instances give the same results."""
        assay = self.make()
        expected = self.run(assay)
        for twin in (copy.deepcopy(assay), pickle.loads(pickle.dumps(self.make()))):
            assert_same(self.run(twin), expected)

    def test_is_built_from_a_config(self) -> None:
        """Writing a config and reading it back gives the same assay."""
        parser = ArgumentParser(exit_on_error=False)
        parser.add_subclass_arguments(AssayCallback, "assay")
        given = {"class_path": f"{self.assay.__module__}.{self.assay.__qualname__}", "init_args": dict(self.arguments)}
        config = parser.parse_object({"assay": given})
        written = parser.dump(config, skip_none=False)
        again = parser.parse_string(written)
        assert parser.dump(again, skip_none=False) == written
        assert_same(self.run(parser.instantiate_classes(again).assay), self.run(self.make()))

    @pytest.mark.parametrize("case", CASES)
    def test_runs_or_says_why_not(self, case: str) -> None:
        """Scalars match ``quantities`` and can be interpreted; unsuitable data raise an error that skips the assay."""
        assay = self.make()
        result = self.run_unless_data_lack(assay, case)
        if result is None:
            assert case != "variational"
            return
        for key, value in result.scalars.items():
            assert isinstance(value, int | float), key
            assert assay.quantities is None or any(fnmatchcase(key, stated) for stated in assay.quantities), key
        assert all(isinstance(array, Tensor) for array in result.arrays.values())
        assert all(len(row) == len(columns) for columns, rows in result.tables.values() for row in rows)
        assert all(sentence.endswith(".") for sentence in result.warnings)
        self.check_sentences(assay, result.scalars)

    def test_finds_all_that_it_states(self) -> None:
        """On a variational model and data with factors, the results have all ``quantities``."""
        assay = self.make()
        found = self.run(assay).scalars
        assert found or assay.quantities == ()
        missing = [stated for stated in assay.quantities or () if not any(fnmatchcase(key, stated) for key in found)]
        assert missing == []
        assert all(key in found for key in assay.headlines)

    def test_scalars_that_are_nan_have_an_interpretation(self) -> None:
        """Interpretations accept NaN for any scalar, and for all of them."""
        assay = self.make()
        scalars = self.run(assay).scalars
        self.check_sentences(assay, dict.fromkeys(scalars, float("nan")))
        for key in scalars:
            self.check_sentences(assay, {**scalars, key: float("nan")})

    def test_figures_are_drawn_and_have_captions(self) -> None:
        """Every figure has a caption, and every caption a figure."""
        assay = self.make()
        figures = self.run(assay).figures
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for key, draw in figures.items():
                assert hasattr(draw(), "savefig"), key
        for key in figures:
            assert any(fnmatchcase(key, pattern) for pattern in assay.captions), key
        unused = [key for key in assay.captions if not any(fnmatchcase(figure, key) for figure in figures)]
        assert unused == []

    def test_reports_progress(self) -> None:
        """The amount done never exceeds the total, and reaches it."""
        reports: list[tuple[int, int]] = []
        assay = self.make()
        context = self.context(assay)
        context.progress = lambda done, total: reports.append((done, total))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assay.run(context)
        assert bool(reports) == self.reports_progress
        assert all(0 <= done <= total for done, total in reports)
        assert not reports or reports[-1][0] == reports[-1][1]

    def test_random_choices_come_from_its_generator(self) -> None:
        """It does not change the global generators, and results do not depend on their state."""
        results = []
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002  (the state that must not matter)
            torch.manual_seed(seed)
            before = global_states()
            results.append(self.run(self.make()))
            np.testing.assert_equal(global_states(), before)
        assert_same(*results)

    def test_training_is_the_same_to_the_bit(self, tmp_path: Path) -> None:
        """Weights after training, with dropout, do not depend on whether the assay runs."""
        assert torch.equal(self.train(tmp_path, self.make()), weights_without_assays(type(self)))

    def test_two_processes_equal_one(self, tmp_path: Path) -> None:
        """Scalars are the same on each of two processes as on a single one."""
        expected = validate(self.make(), self.model(), self.dataset(), tmp_path)
        for found in in_two_processes(validate_in_pair, self.make(), self.model(), self.dataset(), tmp_path):
            assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)

    def run(self, assay: AssayCallback, case: str = "variational") -> AssayResult:
        """Run the assay on one of :data:`CASES`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # for an untrained model, many scores are undefined
            return assay.run(self.context(assay, case))

    def run_unless_data_lack(self, assay: AssayCallback, case: str) -> AssayResult | None:
        """Return the result; ``None`` if data or codes cause an error for which the assay is skipped."""
        try:
            return self.run(assay, case)
        except DATA_CAUSES:
            return None

    def check_sentences(self, assay: AssayCallback, scalars: Mapping[str, float]) -> None:
        """Check the texts of reports and summaries for these scalars."""
        sentences = list(assay.interpretations(scalars, self._target().latent_dim))
        assert all(sentence.endswith(".") for sentence in sentences)
        assert not any(re.search(r"\bnan\b", sentence, re.IGNORECASE) for sentence in sentences)  # "undefined", or none
        rows = list(assay.summary_rows(scalars)) if scalars else []
        assert all(isinstance(label, str) and isinstance(text, str) for label, text in rows)

    def context(self, assay: AssayCallback, case: str = "variational") -> AssayContext:
        """Return the input for one of :data:`CASES`."""
        dataset, model = self.dataset(), self.model().eval()
        rows = torch.arange(2 if case == "two samples" else len(dataset))
        images = dataset.images(rows).float() / 255
        if case == "constant input":
            images = images[:1].expand_as(images)
        with torch.no_grad():
            posterior: Any = model.encode(images)  # type: ignore[operator]
        codes, log_variances = posterior, None
        if isinstance(posterior, Normal):
            codes, log_variances = posterior.mean.clone(), 2 * posterior.stddev.log()
        if case == "dead latent":
            codes[:, 0] = 0
            log_variances = None if log_variances is None else log_variances.index_fill(1, torch.tensor([0]), 0)
        if case == "not finite":
            codes[0, 0] = torch.nan
        return AssayContext(
            autoencoder=model,  # type: ignore[arg-type]
            table=CodeTable(codes, None if case == "deterministic" else log_variances, dataset.factors(rows)),
            observations=images[: assay.num_observations] if assay.num_observations else torch.empty(0),
            dataset=dataset,
            trainer=Trainer(accelerator="cpu", devices=1, barebones=True),  # writes no files
            generator=torch.Generator().manual_seed(assay.seed),
        )

    def train(self, folder: Path, *assays: AssayCallback) -> Tensor:
        """Return the weights after a short training with dropout."""
        model = self.model()
        layer = next(module for module in model.modules() if isinstance(module, torch.nn.Linear | torch.nn.Conv2d))
        layer.register_forward_hook(lambda module, _, outputs: F.dropout(outputs, 0.5, module.training))
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tiny_trainer(folder, *assays, max_epochs=2).fit(model, datamodule=tiny_data(self.dataset()))
        return weights(model)

    def _target(self) -> Target:
        dataset, model = self.dataset(), self.model()
        return Target(tuple(dataset.image_shape), int(model.latent_dim), dataset)  # type: ignore[arg-type]


def assert_same(first: AssayResult, second: AssayResult) -> None:
    """Check that two results have bitwise equal scalars, arrays and warnings; NaN equals NaN."""
    np.testing.assert_equal(dict(first.scalars), dict(second.scalars))
    assert first.arrays.keys() == second.arrays.keys()
    for key, array in first.arrays.items():
        np.testing.assert_array_equal(array.numpy(force=True), second.arrays[key].numpy(force=True), err_msg=key)
    assert tuple(first.warnings) == tuple(second.warnings)


def validate(
    assay: AssayCallback, model: LightningModule, dataset: FactorDataset, folder: Path, **options: Any
) -> dict[str, float]:
    """Return the scalars of the assay in a validation, except its run time."""
    trainer = tiny_trainer(folder, assay, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # one of the two processes has an extra sample and an extra batch
        trainer.validate(model, tiny_data(dataset, val_size=13, eval_batch_size=6), verbose=False)
    scalars = {key: value.item() for key, value in trainer.callback_metrics.items()}
    return {key: value for key, value in scalars.items() if key.startswith(assay.prefix) and "seconds" not in key}


def validate_in_pair(assay: AssayCallback, rank: int, *others: Any) -> dict[str, float]:
    """Return the result of :func:`validate` as process ``rank`` of two."""
    return validate(assay, *others, devices=2, strategy="ddp", plugins=[PairEnvironment(rank)])


class PairEnvironment(LightningEnvironment):
    """Two processes that are already running and connected."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    @property
    @override
    def creates_processes_externally(self) -> bool:
        return True

    @override
    def local_rank(self) -> int:
        return self.rank


def global_states() -> tuple[Any, ...]:
    """Return the states of the global generators of Python, NumPy and torch."""
    return random.getstate(), np.random.get_state(), torch.get_rng_state().tolist()  # noqa: NPY002


def weights_without_assays(tester: type[AssayTester]) -> Tensor:
    """Return the weights after training without assays; cached per model and data set."""
    return _weights_without_assays(tester.model, tester.dataset)


@cache
def _weights_without_assays(
    model: Callable[[AssayTester], LightningModule], dataset: Callable[[AssayTester], FactorDataset]
) -> Tensor:
    tester: AssayTester = type("Tester", (AssayTester,), {"model": model, "dataset": dataset})()
    return tester.train(Path.cwd())
