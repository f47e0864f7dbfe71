"""A model of which one seed diverges."""

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.models import BetaVAE
from lr_lightning.models.base import Objective


class DivergingVAE(BetaVAE):
    """A beta-VAE whose loss is NaN in training from step 6 on, if its seed is 4."""

    @override
    def objective(self, observations: Tensor, generator: torch.Generator) -> Objective:
        objective = super().objective(observations, generator)
        if self.noise_seed == 4 and self.training and self.steps_trained >= 6:
            return objective._replace(loss=objective.loss * torch.nan)
        return objective
