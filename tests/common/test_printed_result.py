"""What results print, show in notebooks and hand to pandas."""

import dataclasses
import inspect

import pytest
import torch

import lr_lightning.assays as assays
from lr_lightning.assays import ConditionedResponseMatrix, PermutationNull, ResponseMatrix, response_matrix, wrap
from lr_lightning.assays.latent_statistics import latent_statistics
from lr_lightning.assays.structure_score import structure_score
from lr_lightning.common.printed_result import PrintedResult, TabularResult
from lr_lightning.metrics.suite import DisentanglementSuite
from lr_lightning.metrics.udr import DisentanglementRanking

RESULTS = [
    each
    for each in map(assays.__dict__.get, assays.__all__)
    if inspect.isclass(each)
    and dataclasses.is_dataclass(each)
    and any("Tensor" in str(field.type) or "Path" in str(field.type) for field in dataclasses.fields(each))
    and not {"encoder", "autoencoder"} & {field.name for field in dataclasses.fields(each)}  # models
]
CODES = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0))
MODEL = wrap(encode=lambda x: x, decode=lambda z: z * torch.tensor([1.0, 0.5, 0.0]), latent_dim=3)


@pytest.fixture(scope="module")
def matrix() -> ResponseMatrix:
    return response_matrix(MODEL, CODES, latents=[2, 0])


def test_every_result_prints_itself() -> None:
    assert len(RESULTS) > 25
    for result in RESULTS:
        assert issubclass(result, PrintedResult)
        assert result.__repr__ in (PrintedResult.__repr__, TabularResult.__repr__)


def test_tables_name_fields_that_exist() -> None:
    for result in [*RESULTS, DisentanglementRanking]:
        if "table_fields" in vars(result):
            names = {field.name for field in dataclasses.fields(result)}
            _, parts, matrix, _, labels = vars(result)["table_fields"]
            assert {*parts, matrix, labels} - {""} <= names
            assert parts or matrix


def test_a_matrix_with_named_rows_and_columns(matrix: ResponseMatrix) -> None:
    frame = matrix.to_pandas()
    assert (frame.index.name, frame.columns.name) == ("intervened", "responding")
    assert list(frame.index) == [2, 0]
    assert frame.loc[0, 1] == matrix.matrix[1, 1]
    result = ConditionedResponseMatrix(
        torch.eye(2, 3).double(), (), (5, 5), 32, "paper", "mean", "diagonal", factor_names=("hue", "shape")
    )
    assert result.to_pandas().loc["shape"].tolist() == [0, 1, 0]


def test_the_terminal_shows_shapes_instead_of_entries(matrix: ResponseMatrix) -> None:
    printed = repr(matrix)
    assert "standard_error=<float64 2 x 3>" in printed
    assert "num_samples=2000" in printed
    assert f"{matrix.matrix[1, 0].item():.4g}" in printed
    assert "tensor(" not in printed
    null = PermutationNull(torch.tensor(0.5), torch.rand(1000), torch.tensor(0.01))
    assert repr(null) == "PermutationNull(score=0.5, null=<float32 1000>, p_value=0.01)"


def test_large_tables_are_cut() -> None:
    many = torch.randn(3000, 2)
    large = latent_statistics(many.T.contiguous(), torch.zeros(2, 3000))
    assert len(repr(large).splitlines()) < 60
    assert large._repr_html_().count("<tr>") < 70
    assert len(large.to_pandas()) == 3000


def test_notebooks_show_a_table(matrix: ResponseMatrix) -> None:
    shown = matrix._repr_html_()
    assert "<table" in shown
    assert "&lt;float64 2 x 3&gt;" in shown
    assert shown.count("<td>") == 6


def test_parts_that_are_missing_are_left_out() -> None:
    assert "kl" not in latent_statistics(CODES).to_pandas().columns
    frame = latent_statistics(CODES, torch.zeros_like(CODES)).to_pandas()
    assert frame.index.name == "latent"
    assert {"mean", "kl", "regimes"} <= set(frame.columns)


def test_structure_score_has_a_row_for_each_pair() -> None:
    score = structure_score(MODEL, CODES[:50], num_permutations=9)
    frame = score.to_pandas()
    assert list(frame.index) == list(score.pairs)
    assert frame.loc["prior and q", "squared"] == score.prior_posterior.squared.item()


def test_scores() -> None:
    factors = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(10, 1)
    table = DisentanglementSuite(["mig", "sap_r2"]).run(factors.float(), factors)
    frame = table.to_pandas()
    assert list(frame["name"]) == ["mig", "sap_r2"]
    assert list(frame.columns) == list(table.rows[0]._fields)
    printed = repr(table)
    assert f"{table['mig']:.4g}" in printed
    assert "ceiling" in printed
    assert "standard_error" not in printed  # there are none
    result = table.results["mig"].to_pandas()
    assert result.loc["mig", "value"] == table["mig"]
    assert "mig" in table._repr_html_()
