"""What holds for every objective: it trains in both precisions, resumes, and serves every assay and metric."""

import inspect
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.distributions import Normal
from typing_extensions import override

from lr_lightning import models
from lr_lightning.assays import Autoencoder as AutoencoderProtocol
from lr_lightning.callbacks.registry import ASSAYS
from lr_lightning.callbacks.report_arguments import report_arguments
from lr_lightning.data.sets.rendered_dsprites import RenderedDSprites
from lr_lightning.metrics import DisentanglementSuite
from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.models import AutoencoderModule
from lr_lightning.testing.tiny_runs import tiny_trainer
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


def different_to_assays() -> list[str]:
    """Return the first of those models that assays cannot tell apart: they encode, decode and respond alike."""
    first: dict[tuple[Any, ...], str] = {}
    for name in MODELS:
        model = make(name)
        ways = type(model).encode, type(model).decode, type(model).response, type(model).reconstruction
        first.setdefault((*ways, type(model.network), model.network.variational), name)
    return list(first.values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo")


@pytest.fixture(scope="module")
def images() -> Tensor:
    indices = torch.randperm(737_280, generator=torch.Generator().manual_seed(1))[:192]
    return RenderedDSprites().images(indices).float() / 255


def test_every_model_is_here() -> None:
    public = {getattr(models, name) for name in models.__all__}
    concrete = {
        kind
        for kind in public
        if inspect.isclass(kind) and issubclass(kind, AutoencoderModule) and not inspect.isabstract(kind)
    }
    assert {type(make(name)) for name in MODELS} == concrete


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
def test_is_an_autoencoder_to_the_assays(name: str, folder: Path, images: Tensor) -> None:
    model = trained(name, "32-true", folder).model
    assert isinstance(model, AutoencoderProtocol)
    posterior = model.encode(images)
    codes = posterior.mean if isinstance(posterior, Normal) else posterior
    decoded = model.decode(codes)
    assert codes.shape == (192, model.latent_dim)
    assert decoded.shape == images.shape
    assert ((decoded >= 0) & (decoded <= 1)).all()
    assert codes.dtype == decoded.dtype == torch.float32
    # The response is encoding after decoding, on codes in another order too.
    again = model.encode(decoded.flip(0))
    response = (again.mean if isinstance(again, Normal) else again).flip(0)
    torch.testing.assert_close(model.response(codes), response, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", different_to_assays())
def test_every_assay_runs(name: str, folder: Path) -> None:
    small: dict[str, dict[str, Any]] = {
        "conditioned_response": {"num_traversals": 2, "samples": 2, "num_resamples": 3},
        "factor_topology": {"num_traversals": 2},
        "disentanglement": {"metrics": ["mig"], "final_metrics": []},
        "response_map": {"num_pairs": 1, "num_steps": 3, "num_images": 4, "num_samples": 16},
        "dynamics": {"num_steps": 2, "max_steps": 4},
        "sampling": {"num_samples": 4},
    }
    assays = []
    for assay in ASSAYS:
        arguments = report_arguments(ASSAYS[assay], num_samples=6) | small.get(assay, {})
        assays.append(ASSAYS[assay](**arguments))
    trainer = tiny_trainer(folder, *assays)
    trainer.validate(trained(name, "32-true", folder).model, datamodule=data_module(name), verbose=False)
    logged = {key.split("/")[1] for key in trainer.callback_metrics if key.startswith("assay/")}
    silent = {"reconstruction", "latent_traversal"}  # figures only
    assert logged >= set(ASSAYS) - silent - {"disentanglement"}
    assert "metric/mig/score" in trainer.callback_metrics


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


@pytest.mark.parametrize("name", MODELS)
def test_a_resumed_run_equals_one_that_was_not_interrupted(name: str, tmp_path: Path) -> None:
    def run(model: AutoencoderModule, max_steps: int, checkpoint: Path | None = None) -> Trainer:
        trainer = tiny_trainer(tmp_path, max_epochs=-1, max_steps=max_steps, limit_val_batches=0)
        trainer.fit(model, datamodule=data_module(name, batch_size=4), ckpt_path=checkpoint, weights_only=True)
        return trainer

    whole, first, second = make(name), make(name), make(name)
    run(whole, 6)
    run(first, 3).save_checkpoint(tmp_path / "half.ckpt")
    run(second, 6, tmp_path / "half.ckpt")
    assert second.steps_trained == whole.steps_trained == 6
    states = [model.state_dict() for model in (whole, first, second)]
    assert all(torch.equal(states[2][key], value) for key, value in states[0].items())
    assert not all(torch.equal(states[1][key], value) for key, value in states[0].items())


@pytest.mark.parametrize("name", MODELS)
def test_saved_weights_give_the_same_codes(name: str, folder: Path, images: Tensor) -> None:
    model = trained(name, "32-true", folder).model
    path = folder / f"{name}.pt"
    torch.save(model.state_dict(), path)
    fresh = make(name).eval()
    codes = [m.response(torch.ones(2, m.latent_dim)) for m in (model, fresh)]
    fresh.load_state_dict(torch.load(path, weights_only=True))
    assert not torch.equal(codes[0], codes[1])
    assert torch.equal(fresh.response(torch.ones(2, model.latent_dim)), codes[0])
