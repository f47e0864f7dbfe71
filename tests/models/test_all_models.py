"""Requirements on every model: it trains in both precisions, resumes, and works with every assay and metric."""

from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.distributions import Normal
from typing_extensions import override

from lr_lightning import models
from lr_lightning.data import FactorDataModule, FactorPairs
from lr_lightning.data.sets.rendered_dsprites import RenderedDSprites
from lr_lightning.metrics import DisentanglementSuite
from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.models import AutoencoderModule
from lr_lightning.networks import MLP, GroupedNetwork
from lr_lightning.testing import ModelTester
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer
from tests.models.zoo import MODELS, data_module, make

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*undefined"),  # scores of models of a few steps
    pytest.mark.filterwarnings("ignore:no topology for factors"),
]
STEPS = 100


class Terms(Callback):
    """Keeps loss and terms of each training step."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    @override
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, AutoencoderModule)
        self.rows.append({name: value.item() for name, value in pl_module.train_terms.items()})


class Trained(NamedTuple):
    """A model after :data:`STEPS` steps, and the terms of each."""

    model: AutoencoderModule
    rows: list[dict[str, float]]


@cache
def trained(name: str, precision: str, folder: Path) -> Trained:
    """Train model ``name`` on rendered dSprites."""
    terms = Terms()
    options: dict[str, Any] = {"max_epochs": -1, "max_steps": STEPS, "precision": precision, "limit_val_batches": 0}
    model = make(name, optimizer=partial(torch.optim.Adam, lr=3e-3))  # fast, for few steps
    tiny_trainer(folder, terms, **options).fit(model, datamodule=data_module(name))
    return Trained(model.eval(), terms.rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo")


@pytest.fixture(scope="module")
def images() -> Tensor:
    indices = torch.randperm(737_280, generator=torch.Generator().manual_seed(1))[:192]
    return RenderedDSprites().images(indices).float() / 255


CONFIGS: dict[str, dict[str, Any]] = {
    "AdaGVAE": {},
    "AdaMLVAE": {},
    "AnnealedVAE": {},
    "Autoencoder": {},
    "BetaTCVAE": {},
    "BetaVAE": {
        "beta": {
            "class_path": "lr_lightning.models.CyclicSchedule",
            "init_args": {"start": 0.0, "end": 4.0, "period": 3},
        }
    },
    "DIPVAE": {"dip_type": "ii"},
    "FactorVAE": {"discriminator_widths": [8, 8]},
    "InfoVAE": {},
    "QLAE": {},
    "RAE": {"decoder_penalty": "gradient"},
    "VAE": {},
    "WAE": {},
}
"""Arguments of models with a small network."""

GROUPED = {"StructuralAutoencoder": False, "VLAE": True}
"""Models of grouped networks, which have twelve layers if a config builds them; whether they are variational."""

UNLIKE = ("AdaGVAE", "Autoencoder", "StructuralAutoencoder", "QLAE", "VLAE")
"""Models that assays can tell apart: the others encode and decode as one of them does."""


def test_every_model_is_here() -> None:
    assert {*CONFIGS, *GROUPED} == set(models.MODELS.entries)
    assert {type(make(name)).__name__ for name in MODELS} == set(models.MODELS.entries)


class TestAllModels(ModelTester):
    """Each model on tiny images."""

    @pytest.fixture(params=[*CONFIGS, *GROUPED], autouse=True)
    def _kind(self, request: pytest.FixtureRequest) -> None:
        """Set the class under test."""
        self.kind: str = request.param
        cls = models.MODELS[self.kind]
        network = {
            "latent_dim": 4,
            "observation_shape": [3, 8, 8],
            "widths": [16],
            "variational": cls.needs_variational,
        }
        arguments = {"network": {"class_path": "lr_lightning.networks.MLP", "init_args": network}}
        if self.kind in CONFIGS:
            arguments |= CONFIGS[self.kind]
            self.config = {"class_path": f"lr_lightning.models.{self.kind}", "init_args": arguments}  # type: ignore[misc]

    @override
    def make(self) -> AutoencoderModule:
        if self.kind in CONFIGS:
            return super().make()
        variational = GROUPED[self.kind]
        parts = MLP(4, (3, 8, 8), widths=(16,), variational=variational)
        network = GroupedNetwork(parts.encoder, parts.decoder, 4, 2, (3, 8, 8), variational)
        return cast(AutoencoderModule, getattr(models, self.kind)(network))

    @override
    def data(self) -> FactorDataModule:
        return tiny_data(Bars(), groups=FactorPairs() if self.kind.startswith("Ada") else None)

    @override
    def test_every_assay_runs(self, tmp_path: Path) -> None:
        if self.kind not in UNLIKE:
            pytest.skip("another model looks the same to assays")
        super().test_every_assay_runs(tmp_path)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name", MODELS)
def test_loss_falls_and_stays_finite(name: str, precision: str, folder: Path) -> None:
    rows = trained(name, precision, folder).rows
    assert len(rows) == STEPS
    assert all(torch.isfinite(torch.tensor(list(row.values()))).all() for row in rows)
    # An untrained decoder costs log 2 for each of 4,096 pixels, 2,839 nats.
    for term in ("reconstruction", "loss"):
        first, last = (sum(row[term] for row in part) / len(part) for part in (rows[:3], rows[-20:]))
        assert first == pytest.approx(2839, abs=500)
        assert last < 0.25 * first


@pytest.mark.parametrize("name", MODELS)
def test_every_metric_runs(name: str, folder: Path, images: Tensor) -> None:
    model = trained(name, "32-true", folder).model
    posterior = model.encode(images)
    codes = posterior.mean if isinstance(posterior, Normal) else posterior
    log_variances = 2 * posterior.stddev.log() if isinstance(posterior, Normal) else None
    data = RenderedDSprites()
    factors = data.factors(torch.randperm(len(data), generator=torch.Generator().manual_seed(1))[:192])
    suite = DisentanglementSuite(["fast", "unsupervised"], Sampling(num_train=128, num_test=64, order="first"))
    rows = suite.run(codes, factors[:, 1:] % 4, log_variances).rows  # the colour is the same in all images
    assert {row.name for row in rows} >= {"mig", "modularity", "active_units"}
    assert sum(torch.isfinite(torch.tensor(row.value)).item() for row in rows) > len(rows) / 2
