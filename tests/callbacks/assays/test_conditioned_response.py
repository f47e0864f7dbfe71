"""The conditioned response matrix and its scores in validation."""

import math

import pytest

from lr_lightning.callbacks import ConditionedResponseAssay
from lr_lightning.testing import AssayTester
from tests.callbacks.assays.runs import assert_says

SCALARS = {"cds": 0.81, "cds_norm": 0.7, "cds_low": 0.79, "cds_high": 0.83, "cds_chance": 0.34}
SCALARS |= {"ccs": 0.5, "ccs_norm": 0.4, "owned_factors": 2 / 3}


class TestConditionedResponseAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = ConditionedResponseAssay
    arguments = {"num_traversals": 4, "num_samples": 8, "num_resamples": 5}
    invalid_arguments = ({"num_traversals": 0}, {"num_samples": 0}, {"num_resamples": 0})
    reports_progress = True


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
