"""Tests that every model should pass."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.cli import instantiate_module
from pytorch_lightning.core.mixins.hparams_mixin import _given_hyperparameters_context
from torch import Tensor
from torch.distributions import Normal
from typing_extensions import override

from lr_lightning.assays import Autoencoder
from lr_lightning.callbacks import ASSAYS
from lr_lightning.callbacks.needs import Target, first_missing
from lr_lightning.callbacks.report_arguments import report_arguments
from lr_lightning.data import FactorDataModule
from lr_lightning.losses import Bernoulli
from lr_lightning.models import AutoencoderModule
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer

SMALL_ASSAYS: Mapping[str, Mapping[str, Any]] = {
    "conditioned_response": {"num_traversals": 2, "num_samples": 2, "num_resamples": 3},
    "factor_topology": {"num_traversals": 2},
    "disentanglement": {"metrics": ["mig"], "final_metrics": []},
    "response_map": {"num_pairs": 1, "num_steps": 3, "num_images": 4, "num_samples": 16},
    "dynamics": {"num_steps": 2, "max_steps": 4},
    "sampling": {"num_samples": 4},
}
"""Arguments of assays that make them fast."""


class ModelTester:
    """Tests a model: training, resumption, checkpoints, evaluation, codes, and the assays of this package.

    Set ``config`` in a subclass; pytest then collects the tests. The data are 48 images ``(3, 8, 8)``. Override
    :meth:`data` if the model needs others, or :meth:`make` if no config can describe the model.

    Attributes:
        config: ``class_path`` and ``init_args`` of the model, in plain values, with a small network.

    Example:
        .. code-block:: python

            class TestMyVAE(ModelTester):
                config = {
                    "class_path": "mypackage.MyVAE",
                    "init_args": {
                        "beta": 2.0,
                        "network": {
                            "class_path": "lr_lightning.networks.MLP",
                            "init_args": {"latent_dim": 3, "observation_shape": [3, 8, 8], "widths": [16]},
                        },
                    },
                }
    """

    config: ClassVar[Mapping[str, Any] | None] = None

    def make(self) -> AutoencoderModule:
        """Return a new model, constructed as by the command line, with weights drawn from torch's global generator."""
        assert self.config is not None, "set config, or override make"
        parser = ArgumentParser(exit_on_error=False)
        parser.add_subclass_arguments(AutoencoderModule, "model", fail_untyped=False)
        config = parser.parse_object({"model": self.config})
        plain = yaml.safe_load(parser.dump(config, skip_none=False))["model"]
        hyperparameters = {"_class_path": plain["class_path"], **plain.get("init_args", {})}
        instantiator = f"{instantiate_module.__module__}.{instantiate_module.__qualname__}"
        with _given_hyperparameters_context(hyperparameters, instantiator):
            return cast(AutoencoderModule, parser.instantiate_classes(config).model)

    def data(self) -> FactorDataModule:
        """Return the data: a training set with at least two batches, and a validation set."""
        return tiny_data(Bars())

    def model(self) -> AutoencoderModule:
        """Return a new model, identical each time."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return self.make()

    @pytest.fixture
    def observations(self) -> Tensor:
        """The first validation batch."""
        data = self.data()
        data.setup("validate")
        batch = next(iter(data.val_dataloader()))
        return cast(Tensor, data.on_after_batch_transfer(batch, 0)[0])

    @pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
    def test_training_changes_weights_and_loss_is_finite(self, tmp_path: Path, precision: str) -> None:
        """Two steps change the network, and each term of the loss is finite."""
        model, terms = self.model(), _Terms()
        before = [parameter.clone() for parameter in model.network.parameters()]
        self._fit(model, tmp_path, 2, terms, precision=precision)
        assert len(terms.rows) == 2
        for row in terms.rows:
            assert "loss" in row
            assert all(torch.isfinite(torch.tensor(value)) for value in row.values()), row
        after = list(model.network.parameters())
        assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
        assert all(parameter.isfinite().all() for parameter in model.parameters())

    def test_resumed_run_equals_uninterrupted_run(self, tmp_path: Path) -> None:
        """A resumed run has bitwise the same final weights as an uninterrupted one."""
        whole, half, resumed = self.model(), self.model(), self.model()
        self._fit(whole, tmp_path, 4)
        self._fit(half, tmp_path, 2).save_checkpoint(tmp_path / "half.ckpt")
        resumed.noise_seed = 123  # these weights come from the checkpoint
        self._fit(resumed, tmp_path, 4, checkpoint=tmp_path / "half.ckpt")
        assert whole.steps_trained == resumed.steps_trained == 4
        assert _same_weights(whole, resumed)
        assert not _same_weights(whole, half)

    def test_training_does_not_depend_on_other_random_draws(self, tmp_path: Path) -> None:
        """Draws from the global generators by callbacks do not change the run."""
        undisturbed, disturbed = self.model(), self.model()
        self._fit(undisturbed, tmp_path, 3)
        self._fit(disturbed, tmp_path, 3, _Draws())
        assert _same_weights(undisturbed, disturbed)

    def test_trial_of_an_update_changes_nothing(self, tmp_path: Path) -> None:
        """Trials before each update give its loss and gradients, and leave training as it is."""
        plain, tried, terms, trials = self.model(), self.model(), _Terms(), _Trials()
        self._fit(plain, tmp_path, 3)
        self._fit(tried, tmp_path, 3, trials, terms)
        assert _same_weights(plain, tried)
        assert trials.losses == [row["loss"] for row in terms.rows]
        assert min(trials.num_gradients) >= sum(parameter.requires_grad for parameter in plain.network.parameters())

    def test_checkpoint_restores_the_model(self, tmp_path: Path, observations: Tensor) -> None:
        """Checkpoints contain only tensors and plain values; a model built from a config loads without arguments."""
        model = self.model()
        self._fit(model, tmp_path, 2).save_checkpoint(tmp_path / "model.ckpt")
        torch.load(tmp_path / "model.ckpt", weights_only=True)
        known = {} if self.config is not None else {"network": self.model().network}
        other = type(model).load_from_checkpoint(tmp_path / "model.ckpt", "cpu", weights_only=True, **known)
        assert _same_weights(model, other)
        assert torch.equal(_codes(model.eval(), observations), _codes(other.eval(), observations))

    def test_weights_survive_pickling(self, observations: Tensor) -> None:
        """The pickled state can be loaded into a model with different weights."""
        model, other = self.model().eval(), self.make().eval()
        assert not torch.equal(_codes(model, observations), _codes(other, observations))
        other.load_state_dict(pickle.loads(pickle.dumps(model.state_dict())))
        assert torch.equal(_codes(model, observations), _codes(other, observations))

    def test_codes_and_reconstructions(self, observations: Tensor) -> None:
        """Shapes and dtypes are as assays expect; the response equals encoding after decoding."""
        model = self.model().eval()
        assert isinstance(model, Autoencoder)
        posterior = model.encode(observations)
        codes = posterior.mean if isinstance(posterior, Normal) else posterior
        assert codes.shape == (len(observations), model.latent_dim)
        if isinstance(posterior, Normal):
            assert posterior.stddev.shape == codes.shape
            assert (posterior.stddev > 0).all()
        decoded = model.decode(codes)
        assert decoded.shape == observations.shape
        assert codes.dtype == decoded.dtype == torch.float32
        if isinstance(model.likelihood, Bernoulli):
            assert ((decoded >= 0) & (decoded <= 1)).all()
        torch.testing.assert_close(model.response(codes), _codes(model, decoded), rtol=1e-4, atol=1e-4)
        alone = torch.cat([_codes(model, each[None]) for each in observations])
        torch.testing.assert_close(alone, codes, rtol=1e-4, atol=1e-4)  # results do not depend on the rest of the batch

    def test_evaluation_is_deterministic(self, tmp_path: Path) -> None:
        """A second validation logs the same numbers, regardless of the state of the global generators."""
        model, trainer = self.model(), tiny_trainer(tmp_path)
        [first] = trainer.validate(model, datamodule=self.data(), verbose=False)
        torch.rand(7)
        [second] = trainer.validate(model, datamodule=self.data(), verbose=False)
        assert first == second

    def test_every_logged_term_is_named(self, tmp_path: Path) -> None:
        """``term_names`` returns the keys that validation logs, without changing the model or the random state."""
        model = self.model()
        state, modes = torch.get_rng_state(), [module.training for module in model.modules()]
        names = model.term_names()
        assert torch.equal(torch.get_rng_state(), state)
        assert [module.training for module in model.modules()] == modes
        assert _same_weights(model, self.model())
        [logged] = tiny_trainer(tmp_path).validate(model, datamodule=self.data(), verbose=False)
        assert {f"val/{name}" for name in names} == logged.keys()

    @pytest.mark.filterwarnings("ignore")  # assays of an untrained model warn
    def test_every_assay_runs(self, tmp_path: Path) -> None:
        """All assays of this package whose needs are met run on the model in validation."""
        model, data = self.model(), self.data()
        target = Target(tuple(model.network.observation_shape), model.latent_dim, data.dataset)
        assays = [
            ASSAYS[name](**(report_arguments(ASSAYS[name], num_samples=6) | dict(SMALL_ASSAYS.get(name, {}))))
            for name in ASSAYS.entries
            if first_missing(ASSAYS[name].needs, target) is None
        ]
        trainer = tiny_trainer(tmp_path, *assays)
        trainer.validate(model, datamodule=data, verbose=False)
        failures = {assay.name: assay.failure for assay in assays if assay.failure}
        assert not failures
        assert all(assay.result is not None and (assay.result.scalars or assay.quantities == ()) for assay in assays)

    def _fit(
        self,
        model: AutoencoderModule,
        folder: Path,
        max_steps: int,
        *callbacks: Callback,
        checkpoint: Path | None = None,
        **options: Any,
    ) -> Trainer:
        """Train without validation, up to ``max_steps``; return the Trainer."""
        trainer = tiny_trainer(folder, *callbacks, max_epochs=-1, max_steps=max_steps, limit_val_batches=0, **options)
        trainer.fit(model, datamodule=self.data(), ckpt_path=checkpoint, weights_only=True)
        return trainer


class _Terms(Callback):
    """Stores the loss and its terms for each training batch."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    @override
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, AutoencoderModule)
        self.rows.append({name: value.item() for name, value in pl_module.train_terms.items()})


class _Trials(Callback):
    """Tries each update before it is made; stores the losses and the numbers of gradients."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.num_gradients: list[int] = []

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        assert isinstance(pl_module, AutoencoderModule)
        loss, *others = pl_module.trial(batch, training=True)
        self.losses.append(loss.item())
        self.num_gradients.append(sum(tensor.ndim > 0 for tensor in others))
        pl_module.trial(batch, training=False)


class _Draws(Callback):
    """Draws from the global generator after each batch."""

    @override
    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        torch.rand(7)


def _codes(model: AutoencoderModule, observations: Tensor) -> Tensor:
    with torch.no_grad():
        posterior = model.encode(observations)
    return posterior.mean if isinstance(posterior, Normal) else posterior


def _same_weights(first: AutoencoderModule, second: AutoencoderModule) -> bool:
    other = second.state_dict()
    return all(torch.equal(value, other[name]) for name, value in first.state_dict().items())
