"""FactorVAE."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from pytorch_lightning.cli import OptimizerCallable
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from typing_extensions import override

from lr_lightning.losses import (
    density_ratio_total_correlation,
    discriminator_accuracy,
    discriminator_loss,
    permute_latents,
)
from lr_lightning.models.base import Objective, Penalty
from lr_lightning.models.vae import VAE, Posterior
from lr_lightning.networks import AutoencoderNetwork, Discriminator
from lr_lightning.training.schedules import Schedule, check_weight


class FactorVAE(VAE):
    r"""VAE that minimizes the total correlation of its codes, estimated by a discriminator.

    The loss is reconstruction + KL + :math:`\gamma\, \mathbb{E}[D_0(z) - D_1(z)]`; the discriminator :math:`D` learns
    to distinguish codes from codes whose latents were permuted over a batch. See
    :func:`~lr_lightning.losses.density_ratio_total_correlation`.

    **A training batch contains the two batches of the paper.** The VAE trains on the first half, whose codes also serve
    as the discriminator's samples of the joint distribution. The second half is only encoded, after the VAE's update as
    in the paper, and its latents are permuted. So ``data.batch_size: 128`` corresponds to the batch size of 64 in the
    paper and the study.

    VAE and discriminator are each updated once per batch. The Trainer's ``max_steps``, checkpoints and logged steps
    count the VAE's updates only. As always with two optimizers, the Trainer's ``gradient_clip_val`` and
    ``accumulate_grad_batches`` cannot be used. The discriminator's parameters require gradients only during its own
    update, so summaries list them as non-trainable. ``lr_scheduler`` applies to the VAE's optimizer.

    Additional terms: ``total_correlation`` (:math:`\mathbb{E}[D_0 - D_1]`) and ``discriminator_loss``, both in nats,
    and ``discriminator_accuracy``, a fraction of codes. In validation and testing, the codes of the whole batch are
    used both as they are and permuted.

    Args:
        network: Encoder and decoder; the encoder must be variational.
        gamma: Weight of the total correlation, a number or a schedule.
        discriminator_widths: Units of each hidden layer of the discriminator; six of 1,000 in the study.
        discriminator_optimizer: Called with the discriminator's parameters; if ``None``, Adam with a learning rate of
            1e-4 and betas of 0.5 and 0.9, as in the paper.
        kwargs: Passed to :class:`VAE`.

    Raises:
        ValueError: If ``gamma`` is negative or not finite, or a width is below 1.

    References:
        Kim and Mnih, Disentangling by Factorising, ICML 2018, arXiv:1802.05983.
    """

    def __init__(
        self,
        network: AutoencoderNetwork,
        gamma: float | Schedule = 10.0,
        discriminator_widths: Sequence[int] = (1000,) * 6,
        discriminator_optimizer: OptimizerCallable | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, **kwargs)
        self.gamma = check_weight("gamma", gamma)
        # No gradients outside its own update: the VAE's loss passes through it, and DDP must not wait for its
        # gradients.
        self.discriminator = Discriminator(network.latent_dim, discriminator_widths).requires_grad_(False)
        # No lambda as the default: jsonargparse writes only constants into config.yaml, and betas is a tuple.
        self.discriminator_optimizer = discriminator_optimizer or partial(torch.optim.Adam, lr=1e-4, betas=(0.5, 0.9))
        self.automatic_optimization = False

    @override
    def penalty(self, posterior: Posterior, kl: Tensor, generator: torch.Generator) -> Penalty:
        """Return the KL term and ``gamma`` times the total correlation."""
        total_correlation = density_ratio_total_correlation(self.discriminator(posterior.samples))
        value = kl + self.current_value(self.gamma) * total_correlation
        return Penalty(value, {"total_correlation": total_correlation})

    @override
    def objective(self, observations: Tensor, generator: torch.Generator) -> Objective:
        """Return the loss of the VAE, and the discriminator's loss and accuracy on the same batch."""
        posterior = self.sample_posterior(observations, generator)
        objective = self.objective_of(posterior, observations, generator)
        terms = self._classification(posterior.samples, permute_latents(posterior.samples, generator))
        return objective._replace(terms=objective.terms | {name: term.detach() for name, term in terms.items()})

    @override
    def update(self, batch: Any, generator: torch.Generator) -> dict[str, Tensor]:
        """Update the VAE on the first half of a batch, then the discriminator; return the terms of both.

        Raises:
            ValueError: If the batch has fewer than four observations.
        """
        first, second = _halves(batch[0])
        posterior = self.sample_posterior(first, generator)
        objective = self.objective_of(posterior, first, generator)
        self.step_optimizer(objective.loss)
        with torch.no_grad():
            permuted = permute_latents(self.sample_posterior(second, generator).samples, generator)
        return objective.terms_and_loss() | self._update_discriminator(posterior.samples.detach(), permuted)

    @override
    def _trial_update(self, batch: Any, generator: torch.Generator) -> list[Tensor]:
        """Return loss, terms and gradients of the VAE and of the discriminator, of an update that is not made."""
        first, second = _halves(batch[0])
        posterior = self.sample_posterior(first, generator)
        objective = self.objective_of(posterior, first, generator)
        found = [*objective.terms_and_loss().values(), *self._trial_gradients(objective.loss, self.parameters())]
        with torch.no_grad():
            permuted = permute_latents(self.sample_posterior(second, generator).samples, generator)
        self.discriminator.requires_grad_(True)
        try:
            loss = self._classification(posterior.samples.detach(), permuted)["discriminator_loss"]
            return [*found, loss.detach(), *self._trial_gradients(loss, self.discriminator.parameters())]
        finally:
            self.discriminator.requires_grad_(False)

    @override
    def configure_optimizers(self) -> Any:
        """Build the VAE's optimizer, with its schedule if configured, and the discriminator's optimizer."""
        vae = super().configure_optimizers()
        discriminator = self.discriminator_optimizer(self.discriminator.parameters())
        return [vae if isinstance(vae, dict) else {"optimizer": vae}, {"optimizer": discriminator}]

    def _classification(self, codes: Tensor, permuted: Tensor) -> dict[str, Tensor]:
        """Return the discriminator's loss and accuracy on ``codes`` (N, D) and ``permuted`` codes (M, D)."""
        logits = self.discriminator(torch.cat([codes, permuted])).split([len(codes), len(permuted)])
        return {
            "discriminator_loss": discriminator_loss(*logits),
            "discriminator_accuracy": discriminator_accuracy(*logits),
        }

    def _update_discriminator(self, codes: Tensor, permuted: Tensor) -> dict[str, Tensor]:
        """Update the discriminator on codes without gradients; return its terms before the update."""
        optimizer = self.trainer.optimizers[self.optimizer_index + 1]
        self.discriminator.requires_grad_(True)
        terms = self._classification(codes, permuted)
        optimizer.zero_grad()
        # As manual_backward and LightningOptimizer.step do, with two exceptions: the Trainer does not count a step, and
        # DistributedDataParallel is bypassed, because it expects gradients of the VAE in each backward pass.
        precision = self.trainer.precision_plugin
        with self._full_precision():
            precision.backward(precision.pre_backward(terms["discriminator_loss"], self), self, None)
        self.discriminator.requires_grad_(False)
        self._average_over_processes([p.grad for p in self.discriminator.parameters() if p.grad is not None])
        self.trainer.strategy.optimizer_step(optimizer, closure=lambda: None, model=self)
        torch.clear_autocast_cache()
        return {name: term.detach() for name, term in terms.items()}

    def _average_over_processes(self, gradients: list[Tensor]) -> None:
        if self.trainer.world_size > 1:
            mean = self.trainer.strategy.reduce(parameters_to_vector(gradients), reduce_op="mean")
            vector_to_parameters(mean, gradients)


def _halves(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the half of a training batch for the VAE and the one whose latents are permuted.

    Raises:
        ValueError: If it has fewer than four observations.
    """
    if len(images) < 4:
        raise ValueError(
            "FactorVAE permutes the latents of the second half of a training batch, which takes two observations "
            f"or more; raise data.batch_size to at least 4, got a batch of {len(images)}"
        )
    first, second = images.tensor_split(2)
    return first, second
