"""Metrics are found by name, group, alias, entry point and import path, those of other packages included."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lr_lightning.commands.score import command
from lr_lightning.metrics import functional
from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.med import MED
from lr_lightning.metrics.registry import ALIASES, CLASSES, GROUPS, METRICS, make_metric, make_metrics
from lr_lightning.metrics.suite import DisentanglementSuite
from lr_lightning.testing import MetricTester

SOURCE = '''
"""A metric of another package."""
from lr_lightning.metrics import FunctionMetric, MetricResult, Score
from lr_lightning.metrics.core.sample import as_sample

def spread(codes, factors=None, *, power: float = 1.0, sampling=None):
    """Score how far codes spread where factors do."""
    if power <= 0:
        raise ValueError(f"power must be positive, got {power}")
    sample = as_sample(codes, factors, sampling)
    deviations = sample.codes.std(axis=0).mean() * sample.factors.std(axis=0).mean()
    scores = {"spread": Score(float(deviations**power))}
    return MetricResult("spread", scores, len(sample.codes), parameters={"power": power})

class Spread(FunctionMetric, function=spread):
    """How far [codes] spread where factors do; a toy."""
    metric = "spread"
    variants = {"spread": {}, "spread_squared": {"power": 2.0}}
    higher_is_better = True

class MIG(FunctionMetric, function=spread):
    """A metric that takes the name of ours."""
    metric = "mig"

class NotAMetric: ...
'''
ENTRIES = """\
[lr_lightning.metrics]
spread = foreign_scores:Spread
spread_squared = foreign_scores:Spread
broken = foreign_scores.missing:Metric
"""


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder where another package is installed, as pip would."""
    (tmp_path / "foreign_scores").mkdir()
    (tmp_path / "foreign_scores" / "__init__.py").write_text(SOURCE)
    information = tmp_path / "foreign_scores-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-scores\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(tmp_path))
    cached = ("_installed", "plugins", "clashes")
    for name in cached:
        monkeypatch.delitem(METRICS.__dict__, name, raising=False)
    yield tmp_path
    for name in cached:
        METRICS.__dict__.pop(name, None)
    sys.modules.pop("foreign_scores", None)


@pytest.fixture
def table(tmp_path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and factors, also in the file ``codes.npz``."""
    import numpy as np

    generator = torch.Generator().manual_seed(0)
    factors = torch.randint(4, (300, 3), generator=generator)
    codes = factors + 0.1 * torch.randn(300, 3, generator=generator)
    np.savez(tmp_path / "codes.npz", codes=codes.numpy(), factors=factors.numpy())
    return codes, factors


@pytest.mark.parametrize(
    ("name", "scores"),
    [
        ("spread", ["spread"]),
        ("spread_squared", ["spread_squared"]),
        ("foreign_scores.Spread", ["spread"]),
    ],
)
def test_metrics_of_other_packages_have_rows_like_ours(
    foreign: Path, table: tuple[torch.Tensor, torch.Tensor], name: str, scores: list[str]
) -> None:
    rows = DisentanglementSuite([name, "mig"], Sampling(100, 50), num_repeats=3).run(*table).rows
    assert [row.name for row in rows] == [*scores, "mig"]
    for row in rows:
        assert row.chance is not None
        assert row.ceiling is not None
        assert row.standard_error is not None
        assert row.error_over == "rows"


def test_metrics_of_other_packages_on_the_command_line(
    foreign: Path, table: tuple[torch.Tensor, torch.Tensor], capsys: pytest.CaptureFixture[str]
) -> None:
    out = foreign / "scores.csv"
    arguments = [str(foreign / "codes.npz"), "--metrics", "foreign_scores.Spread,spread_squared,mig", "--out", str(out)]
    assert command.main(arguments) == 0
    assert [line.split(",")[0] for line in out.read_text().splitlines()] == ["name", "spread", "spread_squared", "mig"]
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert "How far [codes] spread where factors do\n" in listed
    [broken] = [line for line in listed.splitlines() if line.startswith("broken")]
    assert "foreign_scores.missing" in broken
    assert command.main([str(foreign / "codes.npz"), "--metrics", "spraed"]) != 0
    assert "spread" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("foreign_scores.NotAMetric", "foreign_scores.NotAMetric.*DisentanglementMetric"),
        ("foreign_scores.Sprad", "'foreign_scores.Sprad'.*foreign_scores.Spread"),
        ("foreign_scoers.Spread", "foreign_scoers"),
        ("foreign_scores.MIG", "foreign_scores.MIG.*'mig'"),
        ("broken", "foreign_scores.missing"),
        ("lr_lightning.metrics.base.DisentanglementMetric", "DisentanglementMetric is abstract.*score"),
        ("lr_lightning.metrics.function_metric.FunctionMetric", "FunctionMetric.*'metric'"),
        ("mig.", "mig"),
    ],
)
def test_what_cannot_be_used(foreign: Path, name: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make_metrics([name])


def test_one_metric_by_two_names_is_made_once(foreign: Path) -> None:
    assert list(make_metrics(["foreign_scores.Spread", "spread", "lr_lightning.metrics.MED", "med"])) == [
        "spread",
        "med",
    ]


def test_testers_check_metrics_of_other_packages(foreign: Path) -> None:
    import foreign_scores  # type: ignore[import-not-found]

    class Tester(MetricTester):
        metric_class = foreign_scores.Spread
        arguments = {"power": 2.0}
        invalid = [{"power": 0.0}]

    tester = Tester()
    tester.test_batches_equal_the_whole()
    tester.test_wrong_parameters_are_refused_before_anything_is_computed()
    Tester.invalid = [{"power": 3.0}]
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        tester.test_wrong_parameters_are_refused_before_anything_is_computed()


def test_parameters_add_to_those_of_a_variant() -> None:
    assert repr(make_metric("dci_forest", num_trees=3)) == "DCI(estimator='forest', num_trees=3)"
    with pytest.raises(ValueError, match="num_tres"):
        make_metric("dci_forest", num_tres=3)


def test_names_are_unique() -> None:
    names = [name for cls in CLASSES for name in (*(cls.variants or (cls.metric,)), *cls.aliases)]
    assert len({*names, *GROUPS}) == len(names) + len(GROUPS)
    assert {name for group in {**GROUPS, **ALIASES}.values() for name in group} <= METRICS.entries.keys()


def test_functions_and_classes_are_public() -> None:
    import lr_lightning.metrics as public

    for cls in CLASSES:
        assert getattr(public, cls.__name__) is cls
        assert cls.__name__ in dir(public)
    assert functional.dci.__name__ in dir(functional)
    assert MED.function is functional.mutual_information_based_entropy_disentanglement
    for module in (public, functional):
        with pytest.raises(AttributeError, match="no_such_name"):
            module.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import lr_lightning.metrics, lr_lightning.metrics.functional", ["pytorch_lightning", "torchmetrics"]),
        ("import lr_lightning.metrics.suite", ["pytorch_lightning", "wandb", "sklearn", "lightgbm"]),
        (
            "from lr_lightning.commands.score.command import main\n"
            "assert main(['codes.npz', '--metrics', 'mig', '--out', 'x.csv']) == 0",
            ["pytorch_lightning", "wandb", "lr_lightning.callbacks", "lr_lightning.models"],
        ),
    ],
    ids=["package", "suite", "command"],
)
def test_imports_are_light(
    tmp_path: Path, table: tuple[torch.Tensor, torch.Tensor], code: str, absent: list[str]
) -> None:
    check = f"{code}\nimport sys; assert not sys.modules.keys() & {set(absent)}"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=tmp_path, timeout=120, capture_output=True)
