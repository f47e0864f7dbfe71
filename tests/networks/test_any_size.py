"""Models of networks for any size train, resume and run every assay at each size."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typing_extensions import override

from lr_lightning.data import FactorDataModule
from lr_lightning.testing import ModelTester
from lr_lightning.testing.tiny_runs import tiny_data
from tests.networks.sized_bars import SizedBars


class Case(NamedTuple):
    """A network at one size."""

    image_size: tuple[int, int]
    network: str = "ResidualConv"
    channels: int = 3
    options: Mapping[str, Any] = {}


BACKBONE = {"backbone": "shufflenet_v2_x0_5"}
CASES = {
    "32": Case((32, 32), channels=1),
    "64": Case((64, 64)),
    "48x80": Case((48, 80)),
    "128": Case((128, 128)),
    "256": Case((256, 256)),
    "shufflenet at 32": Case((32, 32), "TorchvisionEncoder", 1, BACKBONE),
    "shufflenet at 48x80": Case((48, 80), "TorchvisionEncoder", 3, BACKBONE),
}


class TestAtAnySize(ModelTester):
    @pytest.fixture(params=CASES, autouse=True)
    def _case(self, request: pytest.FixtureRequest) -> None:
        """Set the network under test."""
        self.case = CASES[request.param]
        height, width = self.case.image_size
        network = {
            "latent_dim": 3,
            "image_size": [height, width],
            "channels": self.case.channels,
            "widths": [8, 8, 8],
            "hidden_units": [8],
            **self.case.options,
        }
        network_path = f"lr_lightning.networks.{self.case.network}"
        self.config = {  # type: ignore[misc]
            "class_path": "lr_lightning.models.BetaVAE",
            "init_args": {"network": {"class_path": network_path, "init_args": network}},
        }

    @override
    def data(self) -> FactorDataModule:
        bars = SizedBars(self.case.image_size, self.case.channels)
        return tiny_data(bars, batch_size=4, val_size=6, eval_batch_size=4)

    # An untrained network hardly uses its latents, so some scores are undefined.
    @pytest.mark.filterwarnings("ignore:.* undefined", "ignore:the metric is rank-deficient")
    @override
    def test_every_assay_runs(self, tmp_path: Path) -> None:
        if self.case == CASES["shufflenet at 48x80"]:
            pytest.skip("to assays, it looks like that at 32 or another network at 48 x 80")
        super().test_every_assay_runs(tmp_path)
