"""Structural autoencoder."""

from typing import Any

from lr_lightning.models.autoencoder import Autoencoder
from lr_lightning.networks import GroupedNetwork, check_grouped_network


class StructuralAutoencoder(Autoencoder):
    """Autoencoder whose decoder architecture, not its objective, orders the latents from coarse to fine.

    It is trained on the reconstruction alone and has no prior. To sample, use hybridization: decode codes whose latents
    are each taken from a different observation (:func:`~lr_lightning.assays.hybrid_samples`).
    :class:`~lr_lightning.callbacks.SamplingAssay` draws such samples.

    Args:
        network: Encoder and decoder with latents in groups, such as
            :class:`~lr_lightning.networks.StructuralConv64`; the encoder must not be variational.
        kwargs: Passed to :class:`Autoencoder`.

    Raises:
        TypeError: If the latents of the network are not in groups.
        ValueError: If the network is variational.

    References:
        Leeb et al., Structure by Architecture: Structured Representations without Regularization, ICLR 2023,
        arXiv:2006.07796.
    """

    def __init__(self, network: GroupedNetwork, **kwargs: Any) -> None:
        check_grouped_network(type(self).__name__, network)
        super().__init__(network, **kwargs)
