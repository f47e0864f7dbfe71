"""Beta-TCVAE."""

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.losses import ESTIMATORS, Estimator, decompose_kl
from lr_lightning.models.base import Penalty
from lr_lightning.models.vae import VAE, Posterior
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.schedules import Schedule, check_weight


class BetaTCVAE(VAE):
    r"""VAE whose KL term is split into three parts, each with its own weight.

    .. math:: \mathrm{reconstruction} + \alpha \, I_q(z; x)
        + \beta \, \mathrm{KL}\Bigl(q(z) \,\|\, \prod_d q(z_d)\Bigr) + \gamma \sum_d \mathrm{KL}(q(z_d) \| p(z_d))

    See :func:`~lr_lightning.losses.decompose_kl`. The parts are estimated from the samples of a batch, so with all
    weights equal to 1 the loss matches that of a :class:`VAE` only in expectation. The 12,600-model study instead adds
    :math:`(\beta - 1)` times the second part to the closed-form KL term, which has the same expectation. The unweighted
    parts are logged as ``mutual_information``, ``total_correlation`` and ``dimension_wise_kl``, in nats. They depend on
    the batch size and on ``estimator``: compare them only if both are equal.

    Args:
        network: Encoder and decoder; the encoder must be variational.
        beta: Weight of the total correlation.
        alpha: Weight of the mutual information.
        gamma: Weight of the dimension-wise KL.
        estimator: Estimator of the aggregate posterior. With ``"stratified"``, the logged values are meaningful:
            independent latents have a total correlation of about 0. With ``"weighted"``, used by the paper and the
            study, they are about ``(D - 1) log N`` nats too high, a constant that does not affect training; see
            :func:`~lr_lightning.losses.weighted_log_weights`.
        dataset_size: Number of training observations ``N``; if ``None``, the length of the data module's
            ``train_indices``. It is saved in checkpoints. In evaluation, a batch larger than ``N`` is used with its own
            size.
        kwargs: Passed to :class:`VAE`.

    Raises:
        ValueError: If a weight is negative or not finite, ``estimator`` is unknown, or ``dataset_size`` is below 1;
            when the loss is computed, if neither ``dataset_size``, a Trainer nor a checkpoint provides ``N``.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018, arXiv:1802.04942.
    """

    def __init__(
        self,
        network: AutoencoderNetwork,
        beta: float | Schedule = 6.0,
        alpha: float | Schedule = 1.0,
        gamma: float | Schedule = 1.0,
        estimator: Estimator = "stratified",
        dataset_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, **kwargs)
        self.beta = check_weight("beta", beta)
        self.alpha = check_weight("alpha", alpha)
        self.gamma = check_weight("gamma", gamma)
        check_choice("estimator", estimator, tuple(ESTIMATORS))
        if dataset_size is not None:
            check_at_least("dataset_size", dataset_size, 1)
        self.log_weights = ESTIMATORS[estimator]
        self.dataset_size = dataset_size
        self._size_is_given = dataset_size is not None

    @override
    def setup(self, stage: str) -> None:
        """Take the number of training observations from the data module if it is not known yet."""
        indices = getattr(getattr(self.trainer, "datamodule", None), "train_indices", None)
        if self.dataset_size is None and indices is not None:
            self.dataset_size = len(indices)

    @override
    def term_names(self) -> list[str]:
        """Return the names of the loss and its terms, even if the number of training observations is not known yet."""
        known, self.dataset_size = self.dataset_size, self.dataset_size or 1
        try:
            return super().term_names()
        finally:
            self.dataset_size = known

    @override
    def penalty(self, posterior: Posterior, kl: Tensor, generator: torch.Generator) -> Penalty:
        """Return the weighted sum of the three parts."""
        if self.dataset_size is None:
            raise ValueError(
                "BetaTCVAE does not know the number of training observations; set dataset_size, or train with a "
                "data module that has train_indices"
            )
        means = posterior.means
        log_weights = self.log_weights(len(means), max(self.dataset_size, len(means)), means.device)
        parts = decompose_kl(posterior.samples, means, posterior.log_variances, log_weights)
        alpha, beta, gamma = (self.current_value(weight) for weight in (self.alpha, self.beta, self.gamma))
        value = alpha * parts.mutual_information + beta * parts.total_correlation + gamma * parts.dimension_wise_kl
        return Penalty(value, parts._asdict())

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the number of training observations too."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["dataset_size"] = self.dataset_size

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the number of training observations too, unless it was given."""
        super().on_load_checkpoint(checkpoint)
        if not self._size_is_given:
            self.dataset_size = checkpoint.get("dataset_size") or self.dataset_size  # missing in other models
