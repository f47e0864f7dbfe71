"""Metric classes hold the table; batches and processes make no difference."""

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from lr_lightning.metrics.active_units import ActiveUnits
from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.mutual_information_gap import MutualInformationGap, mutual_information_gap
from lr_lightning.metrics.suite import DisentanglementSuite
from tests.metrics.cases import FIRST_ROWS, batches, reference_case
from tests.metrics.distributed_score import DRAWN, METRICS

CODES, FACTORS, _ = reference_case("noise_and_leak")


def test_batches_give_what_the_function_gives_on_the_whole() -> None:
    metric = MutualInformationGap(num_bins=15, sampling=FIRST_ROWS)
    for codes, factors in batches(CODES, FACTORS, 701):
        metric.update(codes, factors)
    expected = mutual_information_gap(CODES, FACTORS, num_bins=15, sampling=FIRST_ROWS)
    value = metric.compute()
    assert isinstance(value, Tensor)
    assert value.dtype == torch.float64
    assert value.item() == expected.value
    assert torch.equal(metric.result().matrix, expected.matrix)  # type: ignore[arg-type]


def test_two_replicas_are_one() -> None:
    """As on two processes, where every second row lies in the other."""
    one, even, odd = (MutualInformationGap(sampling=DRAWN) for _ in range(3))
    one.update(CODES, FACTORS)
    even.update(CODES[::2], FACTORS[::2])
    odd.update(CODES[1::2], FACTORS[1::2])
    even.merge_state(odd)
    assert even.compute() == one.compute()


def test_repeats_give_mean_and_standard_error() -> None:
    metric = MutualInformationGap(sampling=DRAWN, num_repeats=4)
    metric.update(CODES, FACTORS)
    values = [
        mutual_information_gap(CODES, FACTORS, sampling=Sampling(900, 100, seed=4 + 1_000_003 * repeat)).value
        for repeat in range(4)
    ]
    score = metric.result().scores["mig"]
    assert len(set(values)) == 4
    assert score.value == pytest.approx(np.mean(values), abs=1e-12)
    # 900 of 3,000 rows in each: f / (1 - f) = 3 / 7
    error = np.std(values, ddof=1) * np.sqrt(1 / 4 + 3 / 7)
    assert score.standard_error == pytest.approx(error, abs=1e-12)
    assert score.low == pytest.approx(score.value - 3.182446 * error, abs=1e-7)  # Student's t of three degrees, 97.5 %
    assert score.high == pytest.approx(score.value + 3.182446 * error, abs=1e-7)
    assert score.error_over == metric.result().parameters["error_over"] == "rows"
    assert metric.result().parameters["num_repeats"] == 4


def test_repeats_on_a_whole_population_differ_by_their_draws_alone() -> None:
    factors = torch.cartesian_prod(torch.arange(6), torch.arange(7), torch.arange(5))
    codes = factors + torch.randn(factors.shape, generator=torch.Generator().manual_seed(0))
    errors = {}
    for name, rows in {"draws": slice(None), "rows": slice(1, None)}.items():  # a row less is a sample
        metric = MutualInformationGap(sampling=Sampling(60, 20), num_repeats=3)
        metric.update(codes[rows], factors[rows])
        score = metric.result().scores["mig"]
        values = [
            mutual_information_gap(codes[rows], factors[rows], sampling=Sampling(60, 20, seed=seed)).value
            for seed in (0, 1_000_003, 2_000_006)
        ]
        assert score.error_over == name
        errors[name] = score.standard_error / np.std(values, ddof=1)  # type: ignore[operator]
    assert errors == {
        "draws": pytest.approx(np.sqrt(1 / 3)),
        "rows": pytest.approx(np.sqrt(1 / 3 + 60 / 149)),
    }


def test_repeats_that_all_see_the_whole_table_say_that_they_tell_nothing() -> None:
    metric = MutualInformationGap(sampling=Sampling(200, 0), num_repeats=2)
    metric.update(CODES[:200], FACTORS[:200])
    with pytest.warns(UserWarning, match=r"all 200 rows.*num_train"):
        score = metric.result().scores["mig"]
    assert np.isfinite(score.value)
    assert repr((score.standard_error, score.low, score.high)) == "(nan, nan, nan)"


def test_groups_of_repeats_are_drawn_among_their_rows() -> None:
    """Of the whole table, which all repeats would share, their spread would say nothing."""
    for num_repeats, expected in ((1, 3000), (2, 1000)):
        metric = ActiveUnits(sampling=Sampling(1000, 500), num_repeats=num_repeats)
        metric.update(CODES, FACTORS)
        assert metric.result().num_train == expected


def test_in_a_metric_collection() -> None:
    collection = MetricCollection([MutualInformationGap(sampling=DRAWN)])
    collection.update(CODES, FACTORS)
    [value] = collection.compute().values()
    assert value == mutual_information_gap(CODES, FACTORS, sampling=DRAWN).value


def test_plots_its_value() -> None:
    metric = MutualInformationGap(sampling=DRAWN)
    metric.update(CODES, FACTORS)
    with mpl.rc_context({"backend": "agg"}):
        figure, axes = metric.plot()
        assert axes.lines[0].get_ydata()[0] == pytest.approx(metric.compute().item())  # type: ignore[union-attr]
        import matplotlib.pyplot as plt

        plt.close(figure)


def test_wrong_use_is_told() -> None:
    with pytest.raises(ValueError, match=r"num_repeats .*0"):
        MutualInformationGap(num_repeats=0)
    with pytest.raises(ValueError, match="num_repeats > 1 needs"):
        MutualInformationGap(sampling=FIRST_ROWS, num_repeats=2)
    metric = MutualInformationGap()
    with pytest.raises(ValueError, match=r"codes and factors .*5 and 4"):
        metric.update(CODES[:5], FACTORS[:4])
    with (
        pytest.warns(UserWarning, match="was called before"),
        pytest.raises(ValueError, match="call update"),
    ):
        MutualInformationGap().compute()


def test_a_refused_batch_leaves_no_trace() -> None:
    metric = MutualInformationGap(sampling=FIRST_ROWS)
    metric.update(CODES[:1500], FACTORS[:1500])
    with pytest.raises(ValueError, match=r"codes and log_variances .*5 and 4"):
        metric.update(CODES[:5], FACTORS[:5], CODES[:4])
    metric.update(CODES[1500:], FACTORS[1500:])
    assert metric.compute() == mutual_information_gap(CODES, FACTORS, sampling=FIRST_ROWS).value


def test_short_types_are_kept_in_types_that_processes_can_exchange() -> None:
    suite = DisentanglementSuite(["mig"])
    suite.update(CODES.half().requires_grad_(), FACTORS.to(torch.uint8), CODES.bfloat16())
    kept = [suite.codes[0], suite.factors[0], suite.log_variances[0]]
    assert [rows.dtype for rows in kept] == [torch.float32, torch.int64, torch.float32]
    assert not any(rows.requires_grad for rows in kept)
    suite.update(CODES.double(), FACTORS, CODES)
    assert suite.codes[1].dtype == torch.float64


def test_log_variances_in_some_batches_only_are_refused() -> None:
    suite = DisentanglementSuite(["mig"])
    suite.update(CODES[:100], FACTORS[:100], torch.zeros_like(CODES[:100]))
    suite.update(CODES[100:], FACTORS[100:])
    with pytest.raises(ValueError, match=r"log_variances .*100 of 3000"):
        suite.compute()


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(tmp_path: Path) -> None:
    script = Path(__file__).with_name("distributed_score.py")
    processes = [subprocess.Popen([sys.executable, str(script), str(rank), str(tmp_path)]) for rank in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    one = DisentanglementSuite(METRICS, sampling=DRAWN)
    one.update(CODES, FACTORS)
    for rank in range(2):
        halves, alone, refused = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert halves == alone == one.compute()  # every second row in each; then none in the first, all in the second
        assert "has no codes yet" in refused
