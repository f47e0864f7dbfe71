"""Arguments of assays in reports."""

import pytest

from lr_lightning.callbacks import (
    ASSAYS,
    ConditionedResponseAssay,
    DynamicsAssay,
    LatentStatisticsAssay,
    ReconstructionAssay,
    ResponseMapAssay,
    SamplingAssay,
)
from lr_lightning.callbacks.report_arguments import default_size, report_arguments


def test_seed_and_size() -> None:
    assert report_arguments(SamplingAssay, seed=3, num_samples=50) == {"seed": 3, "num_codes": 50}
    assert report_arguments(SamplingAssay, seed=3) == {"seed": 3}
    assert report_arguments(LatentStatisticsAssay, seed=3, num_samples=50) == {}
    assert report_arguments(ResponseMapAssay, num_samples=50) == {"num_samples": 50, "seed": 0}
    assert report_arguments(ConditionedResponseAssay)["num_traversals"] == 20
    assert default_size(DynamicsAssay) == 64
    assert default_size(ReconstructionAssay) is None


@pytest.mark.parametrize("name", list(ASSAYS))
def test_assays_can_be_built(name: str) -> None:
    ASSAYS[name](**report_arguments(ASSAYS[name], num_samples=10))
