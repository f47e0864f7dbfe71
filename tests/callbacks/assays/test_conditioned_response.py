"""The conditioned response matrix and its scores in validation."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typing_extensions import override

from lr_lightning.callbacks import ConditionedResponseAssay
from lr_lightning.callbacks.needs import Target, first_missing
from lr_lightning.data import FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.models import Autoencoder
from lr_lightning.networks import MLP
from lr_lightning.testing import AssayTester
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.callbacks.assays.runs import assert_says

SCALARS = {"cds": 0.81, "cds_norm": 0.7, "cds_low": 0.79, "cds_high": 0.83, "cds_chance": 0.34}
SCALARS |= {"ccs": 0.5, "ccs_norm": 0.4, "owned_factors": 2 / 3}


class TestConditionedResponseAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = ConditionedResponseAssay
    arguments = {"num_traversals": 4, "num_samples": 8, "num_resamples": 5}
    invalid_arguments = (
        {"num_traversals": 0},
        {"num_samples": 0},
        {"num_resamples": 0},
        {"traversals": "diagonal"},
        {"preset": "leeb2022"},
        {"preset": "leeb2021", "traversals": "matched"},
    )
    reports_progress = True


def some_bars(*columns: int, share: float = 0.8) -> TensorFactorDataset:
    """Return a random part of the bars, each once or twice, with only these factors as labels."""
    bars, generator = Bars(), torch.Generator().manual_seed(0)
    rows = torch.randint(len(bars), (round(share * len(bars)),), generator=generator).sort()[0]
    whole = bars.factor_space
    space = FactorSpace([whole.names[column] for column in columns], [whole.sizes[column] for column in columns])
    return TensorFactorDataset("some_bars", bars.images(rows), bars.factors(rows)[:, list(columns)], space)


class TestMatched(AssayTester):
    """It passes the tests of all assays on data that are no grid."""

    assay = ConditionedResponseAssay
    arguments = {"num_traversals": 4, "num_samples": 8, "num_resamples": 5, "traversals": "matched"}
    reports_progress = True

    @override
    def dataset(self) -> FactorDataset:
        return some_bars(0, 1, 2)


class TestMarginal(TestMatched):
    """The same with other factors free."""

    arguments = TestMatched.arguments | {"traversals": "marginal"}


class TestSingleLabel(TestMatched):
    """With one label, as of MNIST."""

    @override
    def dataset(self) -> FactorDataset:
        return some_bars(1)


def test_leeb2021() -> None:
    """Independently: sampled members of each traversal, the largest response, and the least over traversals."""
    tester = TestConditionedResponseAssay()
    assay = ConditionedResponseAssay(num_traversals=300, num_samples=24, num_resamples=2, preset="leeb2021")
    context = tester.context(assay)
    result, space = assay.run(context), context.dataset.factor_space
    rows = space.indices(space.traversals(space.names[1], 300, torch.Generator().manual_seed(0)))  # (T, V)
    means, log_variances, _ = context.table
    assert log_variances is not None
    per_traversal = result.arrays[f"per_traversal_{space.names[1]}"]
    assert per_traversal.shape == (300, means.shape[1])
    assert torch.equal(result.arrays["matrix"][1], per_traversal.amin(dim=0))
    generator, expected = torch.Generator().manual_seed(9), []
    for traversal in rows:
        noise = torch.randn(len(traversal), means.shape[1], generator=generator)
        codes = means[traversal] + (log_variances[traversal] / 2).exp() * noise
        pairs = torch.tensor([(a, b) for a in range(len(codes)) for b in range(len(codes)) if a != b])
        base, donors = codes[pairs[:, 0]], codes[pairs[:, 1]]
        found = []
        for latent in range(means.shape[1]):
            moved = base.clone()
            moved[:, latent] = donors[:, latent]
            with torch.no_grad():
                difference = tiny_response(context.autoencoder, moved) - tiny_response(context.autoencoder, base)
            found.append(difference.square().mean(dim=0).sqrt().max())
        expected.append(torch.stack(found))
    # means over 300 traversals, each with its own noise
    torch.testing.assert_close(
        per_traversal.float().mean(dim=0), torch.stack(expected).mean(dim=0), rtol=0.1, atol=1e-3
    )
    assert [row for row, _ in assay.summary_rows(result.scalars)][:2] == ["CDS_norm", "CCS_norm"]


def tiny_response(model: Any, codes: torch.Tensor) -> torch.Tensor:
    """Return the mean codes of decoded codes."""
    mean: torch.Tensor = model.encode(model.decode(codes)).mean
    return mean


def test_options_override_those_of_the_preset() -> None:
    assay = ConditionedResponseAssay(preset="leeb2021", reduction="mean")
    assert (assay.reduction, assay.variant, assay.convention, assay.codes) == ("mean", "max", "release", "sample")


def test_codes_of_a_deterministic_model_are_its_samples() -> None:
    tester = TestConditionedResponseAssay()
    assay = ConditionedResponseAssay(num_traversals=5, num_samples=6, num_resamples=2, preset="leeb2021")
    context = tester.context(assay)
    certain = replace(context, table=context.table._replace(log_variances=None))
    means = ConditionedResponseAssay(
        num_traversals=5, num_samples=6, num_resamples=2, convention="release", reduction="min"
    )
    means.variant = "max"
    expected = means.run(tester.context(assay)).arrays["matrix"]
    assert torch.equal(assay.run(certain).arrays["matrix"], expected)
    assert not torch.equal(assay.run(tester.context(assay)).arrays["matrix"], expected)


def test_deterministic_models_are_measured_in_training(tmp_path: Path) -> None:
    """The codes of the pass do not cover the data set, so that traversals are encoded."""
    assay = ConditionedResponseAssay(num_traversals=4, num_samples=8, num_resamples=5, preset="leeb2021")
    trainer = tiny_trainer(tmp_path, assay)
    trainer.fit(Autoencoder(MLP(2, (3, 8, 8), variational=False)), datamodule=tiny_data(Bars()))
    assert 0 < float(trainer.callback_metrics["assay/conditioned_response/cds"]) <= 1


@pytest.mark.parametrize("traversals", ["matched", "marginal"])
def test_keys_are_never_those_of_a_grid(traversals: Any) -> None:
    tester = TestConditionedResponseAssay()
    grid = tester.run(tester.make())
    pairs = tester.run(ConditionedResponseAssay(**TestMatched.arguments | {"traversals": traversals}))
    for entries in ("scalars", "figures", "tables", "arrays"):
        assert not set(getattr(grid, entries)) & set(getattr(pairs, entries))
        assert all(key.endswith(f"_{traversals}") for key in getattr(pairs, entries))
    assert set(ConditionedResponseAssay(traversals=traversals).quantities or ()) == set(pairs.scalars)


def test_counts_of_groups_and_pairs() -> None:
    tester = TestMatched()
    result = tester.run(tester.make())
    columns, rows = result.tables["table_matched"]
    assert columns[:4] == ["factor", "groups", "traversals", "pairs"]
    assert all(row[2] == min(row[1], 4) for row in rows)
    assert result.scalars["groups_matched"] == sum(float(row[2]) for row in rows)
    assert result.scalars["pairs_matched"] == sum(float(row[3]) for row in rows)
    assert result.scalars["factors_matched"] == 3


def test_factors_without_groups_are_named() -> None:
    class Diagonal(TestMatched):
        @override
        def dataset(self) -> FactorDataset:
            bars, rows = Bars(), torch.tensor([0, 1, 2, 3, 16 + 4, 32 + 8])  # four columns; color and row only together
            return TensorFactorDataset("some_bars", bars.images(rows), bars.factors(rows), bars.factor_space)

    tester = Diagonal()
    result = tester.run(tester.make())
    assert any("differ in colour or row and agree" in sentence for sentence in result.warnings)
    assert any("Only one factor varies, so CDS of matched pairs" in sentence for sentence in result.warnings)
    columns = torch.tensor([0, 1, 2, 3])
    bars = Bars()
    line = TensorFactorDataset(
        "line", bars.images(columns), bars.factors(columns)[:, [0, 2]], FactorSpace("ab", [1, 4])
    )
    tester.dataset = lambda: line  # type: ignore[method-assign]
    assert not any("No two samples" in sentence for sentence in tester.run(tester.make()).warnings)  # a is constant
    first, *_ = tester.make().interpretations(result.scalars, 3)
    assert "1 for every code" in first
    assert "by definition" in dict(tester.make().summary_rows(result.scalars))["CDS (matched)"]


def test_what_the_data_lack() -> None:
    def missing(traversals: Any, dataset: Any) -> str | None:
        assay = ConditionedResponseAssay(traversals=traversals)
        return first_missing(assay.needs, Target((3, 8, 8), 4, dataset))

    part, constant = some_bars(0, 1), some_bars(0)
    constant.factor_space = FactorSpace(["colour"], [1])
    assert missing("grid", Bars()) is missing("matched", part) is missing("marginal", part) is None
    refused = missing("grid", part)
    assert refused is not None
    assert all(word in refused for word in ("some_bars", "matched", "marginal"))
    for traversals in ("grid", "matched", "marginal"):
        for dataset in (constant, None):
            assert "no factor with two values" in str(missing(traversals, dataset))


def test_training_without_a_grid_names_the_options(tmp_path: Path) -> None:
    assay = ConditionedResponseAssay()
    with pytest.warns(UserWarning, match="some_bars .*matched.*marginal"):
        tiny_trainer(tmp_path, assay).fit(tiny_model(), datamodule=tiny_data(some_bars(0, 1, 2)))
    assert assay.failure is not None


def test_codes_come_from_the_pass(tmp_path: Path) -> None:
    dataset = some_bars(0, 1, 2)
    assay = ConditionedResponseAssay(**TestMatched.arguments | {"num_traversals": 100})
    trainer = tiny_trainer(tmp_path, assay)
    trainer.test(tiny_model(), datamodule=tiny_data(dataset), verbose=False)
    assert assay.result is not None
    rows = {tuple(row) for row in dataset.factors(torch.arange(len(dataset))).tolist()}
    groups = {(row[0], row[1]) for row in rows if any((row[0], row[1], other) in rows - {row} for other in range(4))}
    assert assay.result.tables["table_matched"][1][2][1] == len(groups)


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({}, ["0.81, above its chance level 0.34 (95 % interval over traversals 0.79 to 0.83)", "0.5", "67%"]),
        ({"cds_chance": 0.8}, ["0.81, not above its chance level 0.8", "0.5", "67%"]),
        ({"cds": math.nan}, ["undefined"]),
    ],
    ids=["clear", "within chance", "undefined"],
)
def test_interpretations(changed: dict[str, float], parts: list[str]) -> None:
    assert_says(ConditionedResponseAssay(), SCALARS | changed, parts)


def test_summary_has_interval_and_chance() -> None:
    rows = dict(ConditionedResponseAssay().summary_rows(SCALARS))
    assert rows["CDS"].startswith("0.810, [0.790, 0.830]")
    assert rows["CDS"].endswith("0.340")
    assert (rows["CDS_norm"], rows["CCS"], rows["Factors owned"]) == ("0.700", "0.500", "67%")


@pytest.mark.parametrize(
    ("traversals", "further", "parts"),
    [
        (
            "matched",
            {"factors": 3.0, "pairs": 1600.0, "groups": 60.0},
            ["CDS of matched pairs is 0.81, above", "1,600 pairs in 60 groups", "0.5", "67%"],
        ),
        (
            "marginal",
            {"factors": 3.0, "pairs": 1600.0, "cds_of_labels": 0.37},
            ["CDS of marginal pairs is 0.81, above", "has CDS 0.37", "0.5", "67%"],
        ),
    ],
)
def test_interpretations_of_pairs(traversals: Any, further: dict[str, float], parts: list[str]) -> None:
    scalars = {f"{key}_{traversals}": value for key, value in (SCALARS | further).items()}
    assay = ConditionedResponseAssay(traversals=traversals)
    assert_says(assay, scalars, parts)
    assert dict(assay.summary_rows(scalars))[f"CCS ({traversals})"] == "0.500"
