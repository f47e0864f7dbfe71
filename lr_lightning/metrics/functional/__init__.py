"""Disentanglement scores as functions of codes and factors; each returns a :class:`~lr_lightning.metrics.MetricResult`.

Functions of metrics come from ``lr_lightning.metrics.registry``, when one of them is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lr_lightning.metrics.core.aggregations import completeness_per_factor as completeness_per_factor
from lr_lightning.metrics.core.aggregations import dci_completeness as dci_completeness
from lr_lightning.metrics.core.aggregations import dci_disentanglement as dci_disentanglement
from lr_lightning.metrics.core.aggregations import dcimig_share as dcimig_share
from lr_lightning.metrics.core.aggregations import disentanglement_per_latent as disentanglement_per_latent
from lr_lightning.metrics.core.aggregations import gap_per_factor as gap_per_factor
from lr_lightning.metrics.core.aggregations import gap_per_latent as gap_per_latent
from lr_lightning.metrics.core.aggregations import mig_gap as mig_gap
from lr_lightning.metrics.core.aggregations import mig_sup_gap as mig_sup_gap
from lr_lightning.metrics.core.aggregations import modularity as modularity
from lr_lightning.metrics.core.aggregations import modularity_per_latent as modularity_per_latent
from lr_lightning.metrics.core.aggregations import sap_gap as sap_gap
from lr_lightning.metrics.core.binning import bin_codes as bin_codes
from lr_lightning.metrics.core.chance_and_ceiling import with_levels as with_levels
from lr_lightning.metrics.core.information import mutual_information_matrix as mutual_information_matrix
from lr_lightning.metrics.core.permutation_null import permutation_null as permutation_null
from lr_lightning.metrics.core.result import MetricResult as MetricResult
from lr_lightning.metrics.core.result import Score as Score
from lr_lightning.metrics.core.result import mean_over_repeats as mean_over_repeats
from lr_lightning.metrics.core.sample import Sample as Sample
from lr_lightning.metrics.core.sample import Sampling as Sampling
from lr_lightning.metrics.core.sample import draw as draw
from lr_lightning.metrics.core.truncated import on_active_latents as on_active_latents
from lr_lightning.metrics.udr import unsupervised_disentanglement_ranking as unsupervised_disentanglement_ranking

if TYPE_CHECKING:
    from lr_lightning.metrics.registry import *  # noqa: F403
else:

    def __getattr__(name: str) -> Any:
        """Import the metrics when the function of one is first used: torchmetrics takes seconds."""
        registry = importlib.import_module("lr_lightning.metrics.registry")
        if name.startswith("_") or not hasattr(registry, name):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(registry, name)

    def __dir__() -> list[str]:
        registry = importlib.import_module("lr_lightning.metrics.registry")
        return [*globals(), *(function.__name__ for function in registry.FUNCTIONS)]
