"""The base of all models: trains, validates and logs an objective, and provides what assays need."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import torch
from pytorch_lightning import Callback, LightningModule
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from pytorch_lightning.core.mixins.hparams_mixin import _given_hyperparameters
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor
from torch.distributions import Normal
from torch.nn.utils import get_total_norm
from torch.optim.optimizer import ParamsT
from typing_extensions import override

from lr_lightning.common.checks import check_at_least
from lr_lightning.losses import Bernoulli, Likelihood
from lr_lightning.models.old_checkpoints import moved_classes
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.networks.pretrained import without_pretrained_weights
from lr_lightning.training.logging_step import is_logging_due, logging_step
from lr_lightning.training.noise import step_seed
from lr_lightning.training.schedules import Schedule, value_at
from lr_lightning.training.update_loop import UpdateLoop

_OBJECTS = ("network", "likelihood", "optimizer", "lr_scheduler", "assays", "discriminator_optimizer")


class Objective(NamedTuple):
    """Loss, terms and codes of one batch.

    Attributes:
        loss: Scalar to minimize, in nats per observation.
        terms: Its parts by name, scalars averaged over the batch, in nats per observation unless the model documents
            another unit.
        codes: Posterior means, or the codes of a deterministic model, ``(B, D)``.
        log_variances: Logarithms of the posterior variances ``(B, D)``, ``None`` for a deterministic model.
    """

    loss: Tensor
    terms: dict[str, Tensor]
    codes: Tensor
    log_variances: Tensor | None

    @classmethod
    def of(cls, loss: Tensor, terms: dict[str, Tensor], codes: Tensor, log_variances: Tensor | None = None) -> Self:
        """Return the objective with gradients on ``loss`` alone, so that logging keeps no graph alive."""
        detached = {name: term.detach() for name, term in terms.items()}
        return cls(loss, detached, codes.detach(), None if log_variances is None else log_variances.detach())

    def terms_and_loss(self) -> dict[str, Tensor]:
        """Return the loss, without gradients, and the terms, as they are logged during training."""
        return {"loss": self.loss.detach()} | self.terms


class Penalty(NamedTuple):
    """The part of a loss that is added to the reconstruction.

    Attributes:
        value: Scalar to add, in nats per observation.
        terms: Its parts by name, before weighting; scalars in nats per observation unless the model documents another
            unit.
    """

    value: Tensor
    terms: dict[str, Tensor]


class AutoencoderModule(LightningModule, ABC):
    """An autoencoder and its training; subclasses define the loss in :meth:`~.AutoencoderModule.objective`.

    Losses are summed over pixels and latents and averaged over the batch, in nats. During training, the value of every
    attribute that is a :class:`~lr_lightning.models.Schedule` is logged under its name.

    Attributes:
        needs_variational: Whether the network must be variational (``True``) or must not be (``False``); ``None`` if
            both work. In configs, it is the default for the network's ``variational``.
        steps_trained: Number of updates so far; schedules depend on it, and it is saved in checkpoints.
        optimizer_index: Index of its first optimizer in ``trainer.optimizers``; nonzero only inside a
            :class:`SeedEnsemble`.

    Args:
        network: Encoder and decoder.
        likelihood: Distribution that the decoder's output parameterizes; Bernoulli if ``None``. In configs, it
            determines the default of the network's ``parameters_per_value``.
        optimizer: Called with the parameters. The default is Adam with a learning rate of 1e-4, a common choice.
        lr_scheduler: Called with the optimizer; stepped after every batch.
        assays: Callbacks that always run with this model; the Trainer can have more.
        channels_last: Keep convolution weights in channels-last order, which is faster on most processors.
        compile_network: Compile encoder and decoder with ``torch.compile``.
        updates_per_batch: Number of updates per Trainer batch. If above 1, the data module returns lists of batches,
            one batch per update. Steps count updates.

    Raises:
        ValueError: If ``updates_per_batch`` is below 1, or the network's decoder does not output as many parameters as
            the likelihood has; at the first batch of an epoch, if the likelihood does not cover the observations.
    """

    needs_variational: ClassVar[bool | None] = None

    def __init__(
        self,
        network: AutoencoderNetwork,
        likelihood: Likelihood | None = None,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.Adam(parameters, lr=1e-4),
        lr_scheduler: LRSchedulerCallable | None = None,
        assays: Sequence[Callback] | None = None,
        channels_last: bool = True,
        compile_network: bool = False,
        updates_per_batch: int = 1,
    ) -> None:
        super().__init__()
        check_at_least("updates_per_batch", updates_per_batch, 1)
        # From the command line, hyperparameters are class paths and plain values, so its checkpoints can be loaded
        # without further arguments. Objects built in Python could only be pickled: leave them out; load_from_checkpoint
        # needs them again.
        by_hand = _given_hyperparameters.get() is None
        self.save_hyperparameters(ignore=_OBJECTS if by_hand else None)
        for name in [name for name, value in self.hparams.items() if isinstance(value, Schedule)]:
            del self.hparams[name]
        self.network = network
        self.likelihood = Bernoulli() if likelihood is None else likelihood
        check_parameters(network, self.likelihood)
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.assays = list(assays or ())
        if channels_last:
            self.network.to(memory_format=torch.channels_last)
        if compile_network:
            self.network.encoder.compile()
            self.network.decoder.compile()
        self.updates_per_batch = updates_per_batch
        self.automatic_optimization = updates_per_batch == 1
        self.recorded_weights: dict[int, Tensor] = {}  # by id, because schedules need not be hashable
        self.steps_trained = 0
        self.optimizer_index = 0
        self.noise_seed = torch.initial_seed()
        self.train_terms: dict[str, Tensor] = {}
        self._update_loop: UpdateLoop | None = None
        self._totals: dict[str, Tensor] = {}
        self._random_state: dict[str, Any] | None = None

    @classmethod
    @override
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> Self:
        """Return the model of a checkpoint, including those of earlier versions, whose classes may have moved since.

        Arguments are those of :meth:`pytorch_lightning.LightningModule.load_from_checkpoint`.
        """
        with without_pretrained_weights():
            return super().load_from_checkpoint(checkpoint_path, *args, **(moved_classes(checkpoint_path) | kwargs))

    @property
    def latent_dim(self) -> int:
        """Number of latents ``D``."""
        return self.network.latent_dim

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of one observation, ``(C, H, W)`` for images."""
        return self.network.observation_shape

    @abstractmethod
    def objective(self, observations: Tensor, generator: torch.Generator) -> Objective:
        """Return loss, terms and codes of a batch ``(B, *observation_shape)``, with noise from ``generator``."""

    def training_objective(self, batch: Any, generator: torch.Generator) -> Objective:
        """Return the objective of a training batch; override it for batches other than ``(images, factors)``."""
        return self.objective(batch[0], generator)

    def term_names(self) -> list[str]:
        """Return the names of the loss and its terms in evaluation, by evaluating four random observations.

        The model and the global random state stay as they are.
        """
        training = {module: module.training for module in self.modules()}
        generator = torch.Generator(self.device).manual_seed(0)
        dtype = next((parameter.dtype for parameter in self.parameters()), torch.float32)
        shape = (4, *self.network.observation_shape)
        observations = torch.rand(shape, generator=generator, device=self.device, dtype=dtype)
        try:
            self.eval()
            # do not compile the network just for this
            with torch.compiler.set_stance("force_eager"), torch.no_grad(), isolate_rng():
                return list(self.objective(observations, generator).terms_and_loss())
        finally:
            for module, was_training in training.items():
                module.training = was_training

    @abstractmethod
    def encode(self, observations: Tensor) -> Normal | Tensor:
        """Return the posterior of ``observations``, or the codes ``(B, D)`` of a deterministic model."""

    def decode(self, codes: Tensor) -> Tensor:
        """Return mean observations ``(B, *observation_shape)`` in data range for codes ``(B, D)``."""
        return self.likelihood.mean(self.network.decode(codes))

    def current_value(self, value: float | Schedule) -> float | Tensor:
        """Return ``value``, or the value of the schedule at the current step.

        While a CUDA graph is being recorded, this is a tensor instead; its value is set before each replay.
        """
        if id(value) in self.recorded_weights:
            return self.recorded_weights[id(value)]
        return value_at(value, self.steps_trained)

    def schedules(self) -> dict[str, Schedule]:
        """Return all attributes that are schedules by name, in the order in which they were set."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Schedule)}

    def scheduled_values(self, step: int) -> dict[str, float]:
        """Return the value of each schedule at ``step``, by name."""
        return {name: schedule(step) for name, schedule in self.schedules().items()}

    def response(self, codes: Tensor) -> Tensor:
        """Return the latent response ``(B, D)``: the mean codes of decoded ``codes``."""
        return self._mean_codes(self.decode(codes))

    @override
    def forward(self, observations: Tensor) -> Tensor:
        """Return reconstructions of ``observations`` from their mean codes."""
        return self.decode(self._mean_codes(observations))

    @override
    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Check the first batch of an epoch; later ones are not checked, because this waits for the device."""
        if batch_idx == 0:
            while isinstance(batch, list | tuple) and batch:  # a batch, or a list of them for several updates
                batch = batch[0]
            if isinstance(batch, Tensor):
                self.likelihood.check(batch)

    @override
    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of a batch or, with manual optimization, make all its updates; log terms every n steps."""
        if self.automatic_optimization:
            number = self.trainer.fit_loop.epoch_loop.total_batch_idx + 1
            objective = self.training_objective(batch, self.noise(number))
            self.train_terms = objective.terms_and_loss()
            return objective.loss
        self._update_loop = self._update_loop or UpdateLoop([self])
        [self.train_terms] = self._update_loop.run(batch)
        return self.train_terms["loss"]

    def update(self, batch: Any, generator: torch.Generator) -> dict[str, Tensor]:
        """Update the network once, with manual optimization; return loss and terms, without gradients."""
        objective = self.training_objective(batch, generator)
        self.step_optimizer(objective.loss)
        return objective.terms_and_loss()

    def trial(self, batch: Any, training: bool) -> list[Tensor]:
        """Return what an update on ``batch`` would add up: the loss, its terms and all gradients, as a trial.

        Weights, buffers, gradients and the global random state stay as they are.

        Args:
            batch: A training batch, or one of an evaluation.
            training: Whether to compute gradients; otherwise as in an evaluation, loss, terms and codes.
        """
        buffers = [(buffer, buffer.clone()) for buffer in self.buffers()]
        with isolate_rng():
            if training:
                with self.trainer.precision_plugin.forward_context():
                    result = self._trial_update(batch, self.noise(self.steps_trained + 1))
            else:
                with torch.no_grad(), self._full_precision():
                    objective = self.objective(batch[0], self.noise(0))
                result = [*objective.terms_and_loss().values(), objective.codes]
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        return result

    def _trial_update(self, batch: Any, generator: torch.Generator) -> list[Tensor]:
        """Return loss, terms and gradients of an update that is not made."""
        objective = self.training_objective(batch, generator)
        return [*objective.terms_and_loss().values(), *self._trial_gradients(objective.loss, self.parameters())]

    def _trial_gradients(self, loss: Tensor, parameters: Iterable[Tensor]) -> list[Tensor]:
        """Return gradients without storing them, and the norm that clips them, if the Trainer does."""
        wanted = [parameter for parameter in parameters if parameter.requires_grad]
        with self._full_precision():
            gradients = torch.autograd.grad(loss, wanted, allow_unused=True)
        found = [gradient for gradient in gradients if gradient is not None]
        return [*found, get_total_norm(found)] if self.trainer.gradient_clip_val else found

    def step_optimizer(self, loss: Tensor) -> None:
        """Take one step of the model's first optimizer on ``loss``, without the Trainer counting it."""
        optimizer = self.trainer.optimizers[self.optimizer_index]
        optimizer.zero_grad()
        with self._full_precision():
            self.manual_backward(loss)
        self.trainer.strategy.optimizer_step(optimizer, closure=lambda: None, model=self)
        torch.clear_autocast_cache()  # autocast's low-precision copies of the weights are outdated now

    @override
    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Send the terms to the loggers every ``log_every_n_steps``; ``self.log`` would slow down every step."""
        updates = self._update_loop.num_updates if self._update_loop is not None else 1
        if is_logging_due(self.trainer, updates) and not self.trainer.fit_loop._should_accumulate():
            step = logging_step(self.trainer)
            terms = {name: value.item() for name, value in self.train_terms.items()} | self.scheduled_values(step)
            metrics = {f"train/{name}": value for name, value in terms.items()}
            check_finite("the loss", terms["loss"], self.global_step)
            for logger in self.loggers:
                logger.log_metrics(metrics, step=step)
        self.steps_trained = self.global_step

    @override
    def validation_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor | None]:
        """Return the codes, log-variances and factors of a batch, for the callbacks."""
        return self._evaluation_step(batch, batch_idx)

    @override
    def test_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor | None]:
        """Return the codes, log-variances and factors of a batch, for the callbacks."""
        return self._evaluation_step(batch, batch_idx)

    @override
    def predict_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor | None]:
        """Return mean codes and log-variances ``(B, D)`` of a batch, the latter ``None`` for deterministic models."""
        with self._full_precision():
            posterior = self.encode(batch[0])
        if isinstance(posterior, Normal):
            return {"codes": posterior.mean, "log_variances": 2 * posterior.stddev.log()}
        return {"codes": posterior, "log_variances": None}

    def evaluation_means(self) -> dict[str, Tensor]:
        """Return loss and terms by name, float32, averaged over the last validation or test set."""
        totals = {name: self.trainer.strategy.reduce(total, reduce_op="sum") for name, total in self._totals.items()}
        count = totals.pop("count")
        return {name: (total / count).float() for name, total in totals.items()}

    @override
    def on_validation_epoch_end(self) -> None:
        """Log the means over the validation set."""
        self._log_means("val")

    @override
    def on_test_epoch_end(self) -> None:
        """Log the means over the test set."""
        self._log_means("test")

    @override
    def configure_callbacks(self) -> list[Callback]:
        """Return the model's assays."""
        return self.assays

    def optimized_parameters(self) -> ParamsT:
        """Return the parameters to optimize: all that require gradients; overrides may return groups with options."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    @override
    def configure_optimizers(self) -> Any:
        """Build the optimizer and, if configured, the learning-rate schedule."""
        optimizer = self.optimizer(self.optimized_parameters())
        if self.lr_scheduler is None:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self.lr_scheduler(optimizer), "interval": "step"},
        }

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the seed of the noise, and the global random state for networks that draw from it (dropout)."""
        checkpoint["noise_seed"] = self.noise_seed
        present = {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}
        checkpoint["random_state"] = self._random_state or present

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the step count and the seed of the noise; the random state is restored when training starts."""
        self.noise_seed = checkpoint.get("noise_seed", self.noise_seed)  # missing if only weights were saved
        self.steps_trained = checkpoint["global_step"]
        self._random_state = checkpoint.get("random_state")  # missing in checkpoints not written by the Trainer

    @override
    def on_train_start(self) -> None:
        """Set the step count to that of the Trainer, and restore the random state of the checkpoint if there is one."""
        self.steps_trained = self.global_step
        if self._random_state is not None:
            torch.set_rng_state(self._random_state["cpu"].cpu())
            if torch.cuda.is_available():
                torch.cuda.set_rng_state_all([state.cpu() for state in self._random_state["cuda"]])
            self._random_state = None

    def _mean_codes(self, observations: Tensor) -> Tensor:
        posterior = self.encode(observations)
        return posterior.mean if isinstance(posterior, Normal) else posterior

    def _full_precision(self) -> torch.autocast:
        """Return a context that disables autocast: evaluation runs in the precision of the weights."""
        return torch.autocast(self.device.type, enabled=False)

    def noise_seed_of(self, batch: int) -> int:
        """Return the noise seed of this process for batch number ``batch``."""
        return step_seed(self.noise_seed, batch * self.trainer.world_size + self.global_rank)

    def noise(self, batch: int) -> torch.Generator:
        """Return the noise generator of this process for batch number ``batch``."""
        return torch.Generator(self.device).manual_seed(self.noise_seed_of(batch))

    def _evaluation_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor | None]:
        if batch_idx == 0:
            self.likelihood.check(batch[0])
            self._totals = {}
        with self._full_precision():
            objective = self.objective(batch[0], self.noise(batch_idx))
        count = torch.tensor(len(batch[0]), dtype=torch.float64, device=self.device)
        for name, mean in ({"loss": objective.loss} | objective.terms).items():
            self._totals[name] = self._totals.get(name, torch.zeros_like(count)) + mean.double() * count
        self._totals["count"] = self._totals.get("count", torch.zeros_like(count)) + count
        factors = batch[1] if len(batch) > 1 else None
        return {"codes": objective.codes, "log_variances": objective.log_variances, "factors": factors}

    def _log_means(self, stage: str) -> None:
        means = self.evaluation_means()
        check_finite("the loss", means["loss"].item(), self.global_step)
        self.log_dict({f"{stage}/{name}": mean for name, mean in means.items()}, sync_dist=True)


def check_parameters(network: AutoencoderNetwork, likelihood: Likelihood) -> None:
    """Raise ``ValueError`` unless the decoder of ``network`` outputs the number of parameters of ``likelihood``."""
    needed, found = likelihood.parameters_per_value, network.parameters_per_value
    if needed != found:
        raise ValueError(
            f"{type(likelihood).__name__} needs {needed} parameter{'s' * (needed != 1)} per value, but the decoder of "
            f"{type(network).__name__} outputs {found}; set parameters_per_value={needed} on the network"
        )


def check_finite(name: str, loss: float, step: int) -> None:
    """Raise ``FloatingPointError`` if ``loss`` is not finite; the message calls it ``name``."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"{name} is {loss} at step {step}; lower the learning rate, or look for broken images in the data"
        )
