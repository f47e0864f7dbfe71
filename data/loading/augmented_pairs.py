"""Pairs of two random augmentations of one image, for weak supervision without factors."""

from collections.abc import Sequence

from torch import Tensor
from typing_extensions import override

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.loading.correlation import FactorCorrelation
from lr_lightning.data.loading.groups import PairBatch, SampleGroups


class AugmentedPairs(SampleGroups):
    """Pairs of two augmentations of one image, with independent draws of the data module's ``augmentations``.

    Any images will do, with or without labels. The supervision is the choice of augmentations: what they keep is the
    content that both images share, and what they change is style (von Kuegelgen et al.). This is not knowledge of
    factors, as with :class:`~lr_lightning.data.FactorPairs`: in theory, such pairs identify the content as a whole, up
    to an invertible mapping, but no single factor of it. :class:`~lr_lightning.models.AdaGVAE` and
    :class:`~lr_lightning.models.AdaMLVAE` assume that few factors change (Locatello et al.), which holds only if the
    augmentations change little.

    Samples are drawn as without groups, including ``correlations``, ``held_out`` and ``restricted``. Both members have
    the factors of the image as stored.

    References:
        von Kuegelgen et al., Self-Supervised Learning with Data Augmentations Provably Isolates Content from Style,
        NeurIPS 2021, arXiv:2106.04619.
        Locatello et al., Weakly-Supervised Disentanglement Without Compromises, ICML 2020, arXiv:2002.02886.
    """

    batch_type = PairBatch

    @override
    def check_data(self, dataset: FactorDataset, has_augmentations: bool) -> None:
        if not has_augmentations:
            raise ValueError(
                "groups: AugmentedPairs requires augmentations of the data module, got none; set augmentations: "
                "[RandomHorizontalFlip], for example"
            )

    @override
    def draw_from(self, dataset: FactorDataset, indices: Tensor, correlations: Sequence[FactorCorrelation]) -> None:
        return None

    @override
    def batch(self, *fields: Tensor) -> PairBatch:
        """Return each image twice; the data module augments both independently.

        Args:
            fields: Images ``(B, C, H, W)`` and factors ``(B, K)``.
        """
        images, factors = fields
        # a copy, in case a transform changes its input in place
        return PairBatch(images, images.clone(), factors, factors)
