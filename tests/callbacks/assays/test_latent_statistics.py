"""Statistics of each latent in validation."""

import pytest

from lr_lightning.callbacks import LatentStatisticsAssay
from lr_lightning.testing import AssayTester
from tests.callbacks.assays.runs import assert_says


class TestLatentStatisticsAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = LatentStatisticsAssay


@pytest.mark.parametrize(
    ("scalars", "parts"),
    [
        ({"active_units": 1.0}, ["1 of 10 latents is active"]),
        (
            {"active_units": 7.0, "kl": 12.34, "regime_active": 6.0, "regime_mixed": 1.0, "regime_passive": 3.0},
            ["7 of 10 latents are active", "12.3 nats", "6 of 10 latents are active, 1 mixed and 3 passive"],
        ),
    ],
    ids=["deterministic", "variational"],
)
def test_interpretations(scalars: dict[str, float], parts: list[str]) -> None:
    assert_says(LatentStatisticsAssay(), scalars, parts)


def test_summary_has_kl_per_latent() -> None:
    rows = dict(LatentStatisticsAssay().summary_rows({"active_units": 2.0, "kl_latent_00": 0.5, "kl_latent_01": 1e9}))
    assert rows["KL per latent"].split() == ["0.50", "1e+09"]
    assert rows["Active units"].startswith("2")
