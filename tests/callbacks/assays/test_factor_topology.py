"""The shape of codes along each factor in validation."""

import math

import pytest

from lr_lightning.assays.factor_topology import factor_topology
from lr_lightning.callbacks import AssayContext, FactorTopologyAssay
from lr_lightning.callbacks.encoded_traversals import encoded_traversals
from lr_lightning.data import FactorDataset
from lr_lightning.testing import AssayTester
from tests.callbacks.assays.runs import assert_says
from tests.conftest import Bars


class TestFactorTopologyAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = FactorTopologyAssay
    arguments = {"num_traversals": 4}
    invalid_arguments = ({"num_traversals": 0}, {"templates": "round"})


class TwoColumns(AssayTester):
    """The third factor has two values, too few for a shape."""

    assay = FactorTopologyAssay

    def dataset(self) -> FactorDataset:
        """Return images with two columns."""
        return Bars(num_columns=2)


def test_topology_is_that_of_traversals() -> None:
    assay = FactorTopologyAssay(num_traversals=6, templates="linear")

    def context() -> AssayContext:
        return TwoColumns().context(assay)

    result = assay.run(context())
    expected = factor_topology(encoded_traversals(context(), 6), templates="linear")
    assert result.scalars["row_sequential"] == float(expected.fit[1, 1])
    assert result.scalars["colour_margin"] == float(expected.margin[0])
    assert not [key for key in result.scalars if key.startswith("column")]
    columns, rows = result.tables["table"]
    assert columns == ["factor", "best", "categorical", "sequential", "periodic", "margin"]
    assert [row[0] for row in rows] == ["colour", "row", "column"]
    assert rows[2][1] == "undecided"
    assert result.arrays["distances_row"].shape == (4, 4)


@pytest.mark.parametrize(
    ("scalars", "parts"),
    [
        (
            {"hue_categorical": 0.5, "hue_sequential": 0.6, "hue_periodic": 0.95, "hue_margin": 0.35}
            | {"size_categorical": math.nan, "size_sequential": math.nan, "size_periodic": math.nan}
            | {"size_margin": math.nan},
            ["circle along hue.", "hue the fit is 0.95 of 1; the next best shape fits by 0.6", "size"],
        ),
        (
            {
                f"{factor}_{shape}": fit
                for factor in ("size", "x")
                for shape, fit in {"categorical": 0.2, "sequential": 0.9, "periodic": 0.3, "margin": 0.6}.items()
            },
            ["line along size, x", "size", "x"],
        ),
    ],
    ids=["one factor moves codes", "factors share a shape"],
)
def test_interpretations(scalars: dict[str, float], parts: list[str]) -> None:
    assert_says(FactorTopologyAssay(), scalars, parts)
