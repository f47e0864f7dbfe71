"""Tests that every metric must pass."""

import copy
import inspect
import math
import pickle
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.function_metric import FunctionMetric
from lr_lightning.metrics.suite import DisentanglementSuite
from lr_lightning.testing.two_processes import in_two_processes

NUM_ROWS, NUM_LATENTS, FACTOR_SIZES = 240, 4, (3, 4, 5)
FIRST = Sampling(160, 80, "first")
DRAWN = Sampling(150, 70, seed=7)


class MetricTester:
    """Tests a metric: batches, processes, order of rows, degenerate and invalid input, seeds, chance and ceiling.

    Set ``metric_class`` in a subclass; pytest then collects the tests.

    Attributes:
        metric_class: The metric.
        arguments: Parameters to test it with, preferably fast ones that differ from the defaults.
        invalid: Sets of parameters that must be rejected, each because of its last entry.
        invariances: Changes of the codes that leave all scores unchanged, selected from :data:`CHANGES`.
        tolerance: Tolerance for scores under changed latents, because fits may break ties by the order of latents.
        uninformative: Full names of scores for which uninformative codes may score as high as a perfect code.
        above_ceiling: Full names of scores for which noisy codes may score well above a perfect code; the docstring of
            the metric says why.
        undefined_by_chance: Scores that are undefined for uninformative codes.

    Example:
        .. code-block:: python

            class TestMED(MetricTester):
                metric_class = MED
                arguments = {"num_bins": 7, "topk": 2}
                invalid = [{"num_bins": 1}, {"topk": 0}]
                invariances = ["permuted latents", "rescaled latents"]
    """

    metric_class: type[DisentanglementMetric]
    arguments: ClassVar[Mapping[str, Any]] = {}
    invalid: ClassVar[Sequence[Mapping[str, Any]]] = ()
    invariances: ClassVar[Sequence[str]] = ("permuted latents",)
    tolerance: float = 1e-6
    uninformative: ClassVar[Sequence[str]] = ()
    above_ceiling: ClassVar[Sequence[str]] = ()
    undefined_by_chance: ClassVar[Sequence[str]] = ()

    def make(self, **options: Any) -> DisentanglementMetric:
        """Return the metric with the parameters to test it with, and ``options``."""
        return self.metric_class(**{**self.arguments, **options})

    def table(self) -> tuple[Tensor, Tensor]:
        """Return three factors ``(240, 3)`` and noisy codes of them ``(240, 4)``; one latent is pure noise."""
        generator = torch.Generator().manual_seed(0)
        factors = torch.stack([torch.randint(n, (NUM_ROWS,), generator=generator) for n in FACTOR_SIZES], dim=1)
        noise = torch.randn(NUM_ROWS, NUM_LATENTS, generator=generator)
        return torch.cat([factors.float(), torch.zeros(NUM_ROWS, 1)], dim=1) + 0.3 * noise, factors

    def score(self, codes: Tensor, factors: Tensor, sampling: Sampling = FIRST, **options: Any) -> MetricResult:
        """Return the result on a table whose posteriors have a standard deviation of .22."""
        return self.make(**options).score(draw(codes, factors, sampling, torch.full_like(codes, -3.0)))

    def filled(self, rows: slice = slice(None), **options: Any) -> DisentanglementMetric:
        """Return the metric updated on some rows of the table, in three batches."""
        metric = self.make(**options)
        codes, factors = (part[rows] for part in self.table())
        for batch in torch.arange(len(codes)).tensor_split(3):
            metric.update(codes[batch], factors[batch], torch.full_like(codes[batch], -3.0))
        return metric

    def test_batches_equal_the_whole(self) -> None:
        assert _scores(self.filled(sampling=DRAWN).result()) == _scores(self.score(*self.table(), DRAWN))
        codes, factors = self.table()
        sample = draw(codes, factors, DRAWN, torch.full_like(codes, -3.0))
        if issubclass(self.metric_class, FunctionMetric):
            assert _scores(self.metric_class.function(sample, **self.arguments)) == _scores(self.make().score(sample))
        if not self.metric_class.needs_factors:
            metric = self.make(sampling=DRAWN)
            for rows in torch.split(codes, 100):
                metric.update(rows, log_variances=torch.full_like(rows, -3.0))
            expected = self.make().score(draw(codes, None, DRAWN, torch.full_like(codes, -3.0)))
            assert _scores(metric.result()) == _scores(expected)

    def test_order_of_rows_does_not_matter(self) -> None:
        codes, factors = self.table()
        order = torch.randperm(NUM_ROWS, generator=torch.Generator().manual_seed(1))
        assert _scores(self.score(codes[order], factors[order], DRAWN)) == _scores(self.score(codes, factors, DRAWN))

    def test_two_processes_equal_one(self) -> None:
        codes, factors = self.table()
        tables = (codes, factors, torch.full_like(codes, -3.0))
        for found in in_two_processes(_compute, self.make(sampling=DRAWN), tables):
            assert found == _scores(self.filled(sampling=DRAWN).result())

    @pytest.mark.parametrize("copied", ["pickled", "cloned", "deep-copied", "loaded", "reset"])
    def test_copies_keep_rows_and_parameters(self, copied: str) -> None:
        metric = self.filled(sampling=DRAWN)
        expected = _scores(metric.result())
        if copied == "loaded":
            metric.persistent(True)
            other = self.make(sampling=DRAWN)
            other.load_state_dict(metric.state_dict())
        elif copied == "reset":
            other = pickle.loads(pickle.dumps(self.filled(slice(0, 100), sampling=DRAWN)))
            other.reset()
            other.update(*self.table(), torch.full((NUM_ROWS, NUM_LATENTS), -3.0))
        else:
            copiers = {"pickled": lambda metric: pickle.loads(pickle.dumps(metric)), "deep-copied": copy.deepcopy}
            other = copiers.get(copied, lambda metric: metric.clone())(metric)
        with warnings.catch_warnings():
            # torchmetrics restores the rows, but not the number of updates
            warnings.filterwarnings("ignore", ".* was called before the ``update``")
            assert _scores(other.result()) == expected
        assert repr(other) == repr(metric)

    def test_global_random_state_is_neither_read_nor_changed(self) -> None:
        results = []
        for seed in (0, 1):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            torch.manual_seed(seed)
            before = _random_states()
            results.append(_scores(self.filled(sampling=DRAWN).result()))
            assert _random_states() == before
        assert results[0] == results[1]

    @pytest.mark.parametrize("case", ["dead", "duplicated", "one latent", "one factor", "rare values", "large"])
    def test_degenerate_codes_have_a_score_or_a_warning(self, case: str) -> None:
        codes, factors = self.table()
        first_rows = (torch.arange(NUM_ROWS) < 160)[:, None]
        table = {
            "dead": (torch.cat([codes, torch.full((NUM_ROWS, 2), 0.5)], dim=1), factors),
            "duplicated": (torch.cat([codes, codes], dim=1), factors),
            "one latent": (codes[:, :1], factors),
            "one factor": (codes, factors[:, :1]),
            "rare values": (codes, torch.where((factors == 2) & first_rows, 1, factors)),
            "large": (1e6 * codes, factors),
        }[case]
        result, messages = _caught(lambda: self.score(*table))
        assert messages or all(math.isfinite(score.value) for score in result.scores.values())

    def test_constant_factors_are_left_out_with_a_warning(self) -> None:
        if not self.metric_class.needs_factors:
            return
        codes, factors = self.table()
        with_constant = torch.cat([factors, torch.zeros(NUM_ROWS, 1, dtype=torch.int64)], dim=1)
        result, messages = _caught(lambda: self.score(codes, with_constant))
        assert any("factors 3 " in message for message in messages)
        assert not any(math.isnan(score.value) for score in result.scores.values())
        result, messages = _caught(lambda: self.score(codes, torch.zeros_like(factors)))
        assert any("factors 0, 1, 2 " in message for message in messages)
        assert any("undefined" in message for message in messages)
        assert math.isnan(result.value)

    @pytest.mark.parametrize("change", ["permuted latents", "duplicated latents", "dead latents", "rescaled latents"])
    def test_invariances(self, change: str) -> None:
        if change not in self.invariances:
            return
        codes, factors = self.table()
        changed = CHANGES[change](codes)
        expected, found = (_values(self.score(each, factors)) for each in (codes, changed))
        assert found == pytest.approx(expected, rel=self.tolerance, abs=self.tolerance, nan_ok=True)

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (lambda codes, factors: (codes.masked_fill(codes == codes.max(), math.nan), factors), "codes .* 1 "),
            (lambda codes, factors: (codes.masked_fill(codes == codes.max(), math.inf), factors), "codes .* 1 "),
            (lambda codes, factors: (codes[:1], factors[:1]), "codes .* 1$"),
            (lambda codes, factors: (codes[0], factors), r"codes .*\(4,\)"),
            (lambda codes, factors: (codes.long(), factors), "codes .*int64"),
            (lambda codes, factors: (codes, factors[:-1]), r"factors .*239"),
            (lambda codes, factors: (codes, factors[:, 0]), r"factors .*\(240,\)"),
            (lambda codes, factors: (codes, factors + 0.5), r"factors .*\.5"),
        ],
        ids=["nan", "inf", "one row", "vector", "integer codes", "fewer factors", "one factor", "fractions"],
    )
    def test_wrong_tables_are_refused(
        self, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], named: str
    ) -> None:
        codes, factors = change(*self.table())
        suite = DisentanglementSuite({"metric": self.make()}, FIRST)
        with pytest.raises(ValueError, match=named):
            suite.run(codes, factors)

    def test_perfect_codes_score_no_worse_than_others(self) -> None:
        if not self.metric_class.needs_factors:
            return
        for name, score in self.filled(sampling=FIRST).result().scores.items():
            assert score.ceiling is not None, name
            exceeded = _gain(score, score.ceiling, score.value) <= -0.05  # the ceiling is the score of other codes
            assert exceeded == (name in self.above_ceiling), name
            assert (score.chance is None) == (name in self.undefined_by_chance), name
            if score.chance is not None and name not in self.uninformative:
                assert _gain(score, score.ceiling, score.chance) > 0, name

    def test_repeats_give_errors(self) -> None:
        for name, score in self.filled(sampling=DRAWN, num_repeats=2).result().scores.items():
            assert score.error_over == "rows"
            if math.isfinite(score.value):
                assert score.standard_error is not None, name
                assert score.low is not None, name
                assert score.high is not None, name
                assert score.standard_error >= 0
                assert score.low <= score.value <= score.high

    def test_results_are_complete(self) -> None:
        result = self.score(*self.table())
        assert result.metric == self.metric_class.metric
        assert all(name == result.metric or name.startswith(f"{result.metric}_") for name in result.scores)
        first = next(iter(result.scores.values()))
        assert self.metric_class.higher_is_better in (None, first.higher_is_better)
        assert result.active is not None
        assert result.active.tolist() == [True] * NUM_LATENTS
        assert all(len(part) == len(FACTOR_SIZES) for part in result.per_factor.values())
        assert all(len(part) == NUM_LATENTS for part in result.per_latent.values())
        if result.matrix is not None:
            assert result.matrix_label
            sizes = {"latent": NUM_LATENTS, "factor": len(FACTOR_SIZES)}
            assert list(result.matrix.shape) == [sizes[axis.split()[-1]] for axis in result.matrix_axes]

    def test_only_metrics_of_posteriors_need_log_variances(self) -> None:
        codes, factors = self.table()
        result, _ = _caught(lambda: self.make().score(draw(codes, factors, FIRST)))
        assert math.isnan(result.value) == self.metric_class.needs_log_variances

    def test_samples_of_posteriors_are_scored_unless_it_needs_means(self) -> None:
        codes, factors = self.table()
        log_variances = torch.full_like(codes, -1.0)
        sampling = replace(FIRST, codes="sample")
        metric = self.make()
        suite = DisentanglementSuite({"it": metric}, sampling, levels="none")
        result, _ = _caught(lambda: suite.run(codes, factors, log_variances).results["it"])
        assert result.codes == metric.kind_of_codes("sample")
        rows = draw(codes, factors, replace(FIRST, codes=result.codes), log_variances)
        expected, _ = _caught(lambda: metric.score(rows))
        assert result.value == pytest.approx(expected.value, nan_ok=True)
        if result.codes == "sample":
            with pytest.raises(ValueError, match="log-variances"):
                suite.run(codes, factors)
        else:
            with pytest.raises(ValueError, match="codes"):
                metric.score(draw(codes, factors, sampling, log_variances))

    def test_parameters_are_in_the_result(self) -> None:
        parameters = self.score(*self.table()).parameters
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in self.arguments.items()}
        assert {name: parameters[name] for name in given} == given
        signature = inspect.signature(self.metric_class).parameters
        assert {*self.arguments, "sampling", "num_repeats"} <= signature.keys()

    def test_wrong_parameters_are_refused_before_anything_is_computed(self) -> None:
        for wrong in self.invalid:
            with pytest.raises(ValueError, match=list(wrong)[-1]):
                self.metric_class(**wrong)
        with pytest.raises((ValueError, TypeError), match="no_such_parameter"):
            self.metric_class(no_such_parameter=1)
        with pytest.raises(ValueError, match=r"num_repeats.*0"):
            self.make(num_repeats=0)

    def test_in_a_suite(self) -> None:
        codes, factors = self.table()
        table = DisentanglementSuite({"mine": self.make()}, FIRST, levels="none").run(
            codes, factors, torch.full_like(codes, -3.0)
        )
        values = list(_values(self.score(codes, factors)).values())
        assert list(table.scores.values()) == pytest.approx(values, rel=0, abs=0, nan_ok=True)
        assert all(name.startswith("mine") for name in table.scores)

    def test_a_sentence_describes_it(self) -> None:
        assert (self.metric_class.__doc__ or "").strip()


CHANGES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "permuted latents": lambda codes: codes[:, [2, 0, 3, 1]],
    "duplicated latents": lambda codes: torch.cat([codes, codes], dim=1),
    "dead latents": lambda codes: torch.cat([codes, torch.full((len(codes), 2), 0.5)], dim=1),
    "rescaled latents": lambda codes: 0.25 * codes,  # a power of two, which does not change the digits
}
"""Changes of codes under which the scores of a metric may be invariant."""


def _compute(metric: DisentanglementMetric, rank: int, tables: tuple[Tensor, ...]) -> list[str]:
    """Return the scores on one of two processes, each with every second row and different batches."""
    codes, factors, log_variances = (table[rank::2] for table in tables)
    for rows in torch.arange(len(codes)).tensor_split(2 + rank):
        metric.update(codes[rows], factors[rows], log_variances[rows])
    computed = metric.compute()
    values = computed if isinstance(computed, dict) else {metric.metric: computed}
    return [repr(float(value)) for value in values.values()]


def _scores(result: MetricResult) -> list[str]:
    """Return the values in a form that compares all digits, and NaN as equal."""
    return [repr(score.value) for score in result.scores.values()]


def _values(result: MetricResult) -> dict[str, float]:
    return {name: score.value for name, score in result.scores.items()}


def _gain(score: Score, better: float, worse: float) -> float:
    return better - worse if score.higher_is_better else worse - better


def _caught(compute: Callable[[], MetricResult]) -> tuple[MetricResult, list[str]]:
    """Return a result and its warnings, all of which must be ``UserWarning``."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = compute()
    assert all(warning.category is UserWarning for warning in caught), [str(warning.message) for warning in caught]
    return result, [str(warning.message) for warning in caught]


def _random_states() -> tuple[object, ...]:
    """Return the states of the global generators of Python, NumPy and PyTorch."""
    _, keys, *position = np.random.get_state()  # noqa: NPY002
    return random.getstate(), np.asarray(keys).tobytes(), *position, torch.get_rng_state().numpy().tobytes()
